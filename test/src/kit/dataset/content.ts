import type { Dataset, FrameTask, LanguageTask, Split } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import type { DatasetSubject } from './subject.js';

const splitNames = ['train', 'valid', 'test'] as const;

export const content = invariant<DatasetSubject>(
  'content',
  'gives three splits that fit the task: tokens within the vocabulary, frames of the right width, nothing empty',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const dataset = await subject.load(at);
      const what = show(at.options);
      if (!dataset.name) fail(`${what} gives a data set without a name`);
      if (dataset.notes.length === 0 || dataset.notes.some((note) => !note.trim()))
        fail(`${what} does not note where its data come from`);
      const { floor } = dataset;
      if (floor !== undefined && !(Number.isFinite(floor.value) && floor.description))
        fail(`${what} states a floor of ${floor.value} without number or description`);
      const { task } = dataset;
      if (task.kind === 'language-model') checkVocabulary(task, what);
      for (const split of splitNames) {
        const found: Split | undefined = dataset.splits[split];
        if (found === undefined) fail(`${what} has no split "${split}"`);
        if (task.kind === 'language-model') checkTokens(found, task, `${what}, split "${split}"`);
        else checkFrames(found, task, `${what}, split "${split}"`);
      }
      if (task.kind === 'language-model') checkText(dataset, task, what);
    }
  },
);

function checkVocabulary({ vocabulary, start, metric }: LanguageTask, what: string): void {
  const { symbols } = vocabulary;
  if (new Set(symbols).size < symbols.length) fail(`${what} has a symbol twice in its vocabulary`);
  for (const [index, symbol] of symbols.entries())
    if (vocabulary.indexOf(symbol) !== index)
      fail(`${what}: the vocabulary finds ${show(symbol)} at ${vocabulary.indexOf(symbol)}, and not at ${index}`);
  if (vocabulary.indexOf('\u0000 no such symbol') !== undefined)
    fail(`${what}: the vocabulary finds a symbol that it does not have`);
  if (!(Number.isInteger(start) && start >= 0 && start < symbols.length))
    fail(`${what} starts with token ${start} of ${symbols.length}`);
  if (metric !== 'perplexity' && metric !== 'bits-per-character') fail(`${what} has the unknown metric ${metric}`);
}

function checkTokens(split: Split, { vocabulary }: LanguageTask, what: string): void {
  if (split.kind !== 'tokens') fail(`${what} has frames, though the task is a language`);
  if (split.tokens.length === 0) fail(`${what} is empty`);
  const size = vocabulary.symbols.length;
  for (const [i, token] of split.tokens.entries())
    if (!(token >= 0 && token < size)) fail(`${what}: token ${i} is ${token}, the vocabulary has ${size}`);
}

function checkFrames(split: Split, { size, likelihood }: FrameTask, what: string): void {
  if (split.kind !== 'frames') fail(`${what} has tokens, though the task is frames`);
  if (split.sequences.length === 0) fail(`${what} is empty`);
  for (const [n, sequence] of split.sequences.entries()) {
    if (sequence.length === 0 || sequence.length % size !== 0)
      fail(`${what}: sequence ${n} has ${sequence.length} numbers, which is no multiple of the width ${size}`);
    for (const value of sequence) {
      if (!Number.isFinite(value)) fail(`${what}: sequence ${n} has the value ${value}`);
      if (likelihood === 'bernoulli' && value !== 0 && value !== 1)
        fail(`${what}: sequence ${n} has ${value}, not 0 or 1`);
    }
  }
}

/** Tokens to text and back, where the symbols are such that the text keeps their borders. */
function checkText({ splits }: Dataset, task: LanguageTask, what: string): void {
  const { tokens } = splits.train as Extract<Split, { kind: 'tokens' }>;
  const some = [...tokens.subarray(0, 50)];
  const back = task.tokenize(task.detokenize(some));
  if (typeof task.detokenize(some) !== 'string') fail(`${what} writes tokens as no string`);
  for (const token of back)
    if (!(token >= 0 && token < task.vocabulary.symbols.length)) fail(`${what} reads its own text as token ${token}`);
  const again = task.tokenize(task.detokenize([...back]));
  if (again.join() !== back.join()) fail(`${what} reads its own text in two ways`);
}
