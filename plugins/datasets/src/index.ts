import type { AnyPlugin } from '@rnnx/core';
import { ptb } from './ptb.js';
import { text } from './text.js';

export { type DownloadRequest, download } from './download.js';
export { type PtbOptions, ptb, ptbFiles } from './ptb.js';
export { type TextOptions, text } from './text.js';
export { createVocabulary, endOfSentence, languageTask, unknownToken } from './vocabulary.js';

export const plugins: readonly AnyPlugin[] = [text, ptb];
export default plugins;
