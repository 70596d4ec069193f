import type { AnyPlugin } from '@rnnx/core';
import { cnnQa } from './cnn-qa.js';
import { grammar } from './grammar.js';
import { jsbChorales } from './jsb-chorales.js';
import { museData } from './muse-data.js';
import { nottingham } from './nottingham.js';
import { pianoMidi } from './piano-midi.js';
import { ptb } from './ptb.js';
import { ptbChar } from './ptb-char.js';
import { sequentialMnist } from './sequential-mnist.js';
import { syntheticCloze } from './synthetic-cloze.js';
import { text } from './text.js';
import { text8 } from './text8.js';
import { wikiText2 } from './wikitext-2.js';

export { type Edge, UnifilarSource } from './automaton.js';
export { type ClozeShares, clozeShares } from './cloze.js';
export { type CnnQaOptions, cnnQa, cnnQaFolders } from './cnn-qa.js';
export { type DownloadRequest, download } from './download.js';
export { type EnglishOptions, englishSource } from './english.js';
export { type GrammarOptions, grammar, truePerplexity } from './grammar.js';
export { jsbChorales } from './jsb-chorales.js';
export { museData } from './muse-data.js';
export { nottingham } from './nottingham.js';
export { pianoMidi } from './piano-midi.js';
export type { MusicFormat, PolyphonicOptions } from './polyphonic.js';
export { ptb, ptbFiles } from './ptb.js';
export { characterFile, type PtbCharOptions, ptbChar, ptbCharFiles } from './ptb-char.js';
export type { PublishedOptions } from './published.js';
export { formatQuestion, parseQuestion, type QuestionText } from './question-file.js';
export { closestSentences, sentencesOf } from './sentences.js';
export { mnistFiles, pixelOrder, type SequentialMnistOptions, sequentialMnist } from './sequential-mnist.js';
export {
  type SyntheticClozeOptions,
  syntheticCloze,
  syntheticQuestions,
  writeQuestionFiles,
} from './synthetic-cloze.js';
export { type TextOptions, text } from './text.js';
export { type Text8Options, text8, text8File } from './text8.js';
export { createVocabulary, endOfSentence, languageTask, unknownToken } from './vocabulary.js';
export { wikiText2, wikiText2Files } from './wikitext-2.js';

export const plugins: readonly AnyPlugin[] = [
  text,
  ptb,
  ptbChar,
  wikiText2,
  text8,
  grammar,
  jsbChorales,
  nottingham,
  pianoMidi,
  museData,
  sequentialMnist,
  cnnQa,
  syntheticCloze,
];
export default plugins;
