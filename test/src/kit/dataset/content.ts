import type { ClassificationTask, ClozeTask, Dataset, FrameTask, LanguageTask, Split, Task } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import type { DatasetSubject } from './subject.js';

const splitNames = ['train', 'valid', 'test'] as const;

export const content = invariant<DatasetSubject>(
  'content',
  'gives three splits that fit the task: tokens and labels in range, frames of the right width, nothing empty',
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
      if (task.kind === 'classification') checkClasses(task, what);
      for (const split of splitNames) {
        const found: Split | undefined = dataset.splits[split];
        if (found === undefined) fail(`${what} has no split "${split}"`);
        checkSplit(found, task, `${what}, split "${split}"`);
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

function checkSplit(split: Split, task: Task, what: string): void {
  if (task.kind === 'language-model') checkTokens(split, task, what);
  else if (task.kind === 'frames') checkFrames(split, task, what);
  else if (task.kind === 'cloze') checkQuestions(split, task, what);
  else checkLabelled(split, task, what);
}

function checkQuestions(split: Split, { vocabulary, entities, answers }: ClozeTask, what: string): void {
  if (split.kind !== 'cloze') fail(`${what} has ${split.kind}, though the task is cloze questions`);
  if (split.examples.length === 0) fail(`${what} is empty`);
  const size = vocabulary.symbols.length;
  for (const token of [...entities, ...answers])
    if (!(token >= 0 && token < size)) fail(`${what}: ${token} is no token, the vocabulary has ${size}`);
  const possible = new Set(answers);
  for (const [n, { passage, question, answer }] of split.examples.entries()) {
    if (passage.length === 0 || question.length === 0) fail(`${what}: question ${n} is empty or has no passage`);
    for (const token of [...passage, ...question])
      if (!(token >= 0 && token < size)) fail(`${what}: question ${n} has token ${token}, the vocabulary has ${size}`);
    if (!possible.has(answer)) fail(`${what}: question ${n} has answer ${answer}, which is none`);
  }
}

function checkClasses({ classes, metric }: ClassificationTask, what: string): void {
  if (classes.length < 2 || new Set(classes).size < classes.length)
    fail(`${what} has the classes ${show(classes)}: fewer than two, or one twice`);
  if (metric !== 'error-rate') fail(`${what} has the unknown metric ${metric}`);
}

function checkLabelled(split: Split, { size, classes }: ClassificationTask, what: string): void {
  if (split.kind !== 'labelled') fail(`${what} has ${split.kind}, though the task is classification`);
  const { sequences, labels } = split;
  if (sequences.length === 0) fail(`${what} is empty`);
  if (labels.length !== sequences.length) fail(`${what} has ${labels.length} labels for ${sequences.length} sequences`);
  for (const [n, label] of labels.entries())
    if (!(label >= 0 && label < classes.length))
      fail(`${what}: label ${n} is ${label}, there are ${classes.length} classes`);
  for (const [n, sequence] of sequences.entries()) checkNumbers(sequence, n, size, what);
}

/** Whole frames of finite numbers. */
function checkNumbers(sequence: Float32Array, n: number, size: number, what: string): void {
  if (sequence.length === 0 || sequence.length % size !== 0)
    fail(`${what}: sequence ${n} has ${sequence.length} numbers, which is no multiple of the width ${size}`);
  for (const value of sequence) if (!Number.isFinite(value)) fail(`${what}: sequence ${n} has the value ${value}`);
}

function checkFrames(split: Split, { size, likelihood }: FrameTask, what: string): void {
  if (split.kind !== 'frames') fail(`${what} has tokens, though the task is frames`);
  if (split.sequences.length === 0) fail(`${what} is empty`);
  for (const [n, sequence] of split.sequences.entries()) {
    checkNumbers(sequence, n, size, what);
    if (likelihood !== 'bernoulli') continue;
    for (const value of sequence)
      if (value !== 0 && value !== 1) fail(`${what}: sequence ${n} has ${value}, not 0 or 1`);
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
