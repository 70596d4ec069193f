import type { AnyPlugin } from '@rnnx/core';
import { grammar } from './grammar.js';
import { ptb } from './ptb.js';
import { text } from './text.js';

export { type Edge, UnifilarSource } from './automaton.js';
export { type DownloadRequest, download } from './download.js';
export { type EnglishOptions, englishSource } from './english.js';
export { type GrammarOptions, grammar, truePerplexity } from './grammar.js';
export { type PtbOptions, ptb, ptbFiles } from './ptb.js';
export { type TextOptions, text } from './text.js';
export { createVocabulary, endOfSentence, languageTask, unknownToken } from './vocabulary.js';

export const plugins: readonly AnyPlugin[] = [text, ptb, grammar];
export default plugins;
