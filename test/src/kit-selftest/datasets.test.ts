import {
  type ClozeExample,
  type ClozeTask,
  type Dataset,
  type DatasetProvider,
  definePlugin,
  type LabelledSplit,
  type LanguageTask,
  type OptionsSchema,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { checkDataset, type DatasetClaims } from '../kit/index.js';
import { expectBroken } from './support.js';

interface AbcOptions {
  readonly length: number;
}

const schema: OptionsSchema<AbcOptions> = {
  type: 'object',
  additionalProperties: false,
  properties: { length: { type: 'integer', minimum: 1, default: 10, description: 'tokens of each split' } },
};

const claims: DatasetClaims = {
  valid: [{ options: {} }],
  variations: { length: [11] },
  invalid: [{ options: { length: 0 }, code: 'RNNX_CONFIG_INVALID' }],
};

const symbols = ['a', 'b', 'c'];

const task: LanguageTask = {
  kind: 'language-model',
  unit: 'character',
  vocabulary: { symbols, indexOf: (symbol) => (symbols.includes(symbol) ? symbols.indexOf(symbol) : undefined) },
  start: 0,
  metric: 'bits-per-character',
  detokenize: (tokens) => tokens.map((token) => symbols[token]).join(''),
  tokenize: (text) => Int32Array.from(text, (symbol) => symbols.indexOf(symbol)),
};

function dataset({ length }: AbcOptions): Dataset {
  const split = (offset: number) => ({
    kind: 'tokens' as const,
    tokens: Int32Array.from({ length }, (_, i) => (i + offset) % 3),
  });
  const splits = { train: split(0), valid: split(1), test: split(2) };
  return { name: 'abc', task, splits, notes: ['source: the alphabet'] };
}

/** Two sequences of one step and one of two. */
function labelled({ length }: AbcOptions, changes: Partial<LabelledSplit> = {}, classes = ['no', 'yes']): Dataset {
  const sequences = [new Float32Array(2), new Float32Array(2), Float32Array.from({ length: 4 }, () => length)];
  const split: LabelledSplit = { kind: 'labelled', sequences, labels: Int32Array.of(0, 1, 1), ...changes };
  return {
    name: 'abc',
    task: { kind: 'classification', size: 2, classes, metric: 'error-rate' },
    splits: { train: split, valid: split, test: split },
    notes: ['source: nowhere'],
  };
}

/** Questions over `a` with the markers `b` and `c`. */
function questions(
  { length }: AbcOptions,
  changes: Partial<ClozeExample> = {},
  of: Partial<ClozeTask> = {},
  withReplacement = false,
): Dataset {
  const passage = Int32Array.from({ length }, (_, i) => i % 3);
  const right = { passage, question: Int32Array.of(0, 2), answer: 1 };
  const split = { kind: 'cloze', examples: [right, { ...right, ...changes }], withReplacement } as const;
  const { vocabulary } = task;
  return {
    name: 'abc',
    task: { kind: 'cloze', vocabulary, entities: [1, 2], answers: [1, 2], metric: 'error-rate', ...of },
    splits: { train: split, valid: split, test: split },
    notes: ['source: nowhere'],
  };
}

type Load = (options: AbcOptions, count: number) => Dataset;

function plugin(load: Load, heed = true) {
  return definePlugin<'dataset', AbcOptions>({
    kind: 'dataset',
    name: 'abc',
    summary: 'The beginning of the alphabet',
    core: '^0.1.0',
    paper: null,
    schema,
    create: (options): DatasetProvider => {
      let count = 0;
      return {
        async load({ signal }) {
          if (heed) signal?.throwIfAborted();
          return load(options, count++);
        },
      };
    },
  });
}

const broken: Record<string, { plugin: ReturnType<typeof plugin>; expected: Record<string, RegExp> }> = {
  'a token outside the vocabulary': {
    plugin: plugin((options) => {
      const found = dataset(options);
      const valid = { kind: 'tokens' as const, tokens: Int32Array.of(0, 3) };
      return { ...found, splits: { ...found.splits, valid } };
    }),
    expected: { content: /split "valid": token 1 is 3, the vocabulary has 3/ },
  },
  'an empty split': {
    plugin: plugin((options) => {
      const found = dataset(options);
      return { ...found, splits: { ...found.splits, test: { kind: 'tokens', tokens: new Int32Array(0) } } };
    }),
    expected: { content: /split "test" is empty/ },
  },
  'a vocabulary that finds the wrong symbol': {
    plugin: plugin((options) => {
      const vocabulary = { symbols, indexOf: (symbol: string) => (symbol === 'b' ? 2 : symbols.indexOf(symbol)) };
      return { ...dataset(options), task: { ...task, vocabulary } };
    }),
    expected: { content: /finds "b" at 2/ },
  },
  'music in numbers that are no notes': {
    plugin: plugin(({ length }) => {
      const split = { kind: 'frames' as const, sequences: [new Float32Array(2 * length).fill(0.5)] };
      return {
        name: 'abc',
        task: { kind: 'frames', size: 2, likelihood: 'bernoulli', metric: 'nll-per-step' },
        splits: { train: split, valid: split, test: split },
        notes: ['source: nowhere'],
      };
    }),
    expected: { content: /has 0.5, not 0 or 1/ },
  },
  'a label without a class': {
    plugin: plugin((options) => labelled(options, { labels: Int32Array.of(0, 2, 1) })),
    expected: { content: /split "train": label 1 is 2, there are 2 classes/ },
  },
  'a sequence without a label': {
    plugin: plugin((options) => labelled(options, { labels: Int32Array.of(0, 1) })),
    expected: { content: /2 labels for 3 sequences/ },
  },
  'a sequence that is not made of whole frames': {
    plugin: plugin((options) =>
      labelled(options, {
        sequences: [new Float32Array(2), new Float32Array(options.length * 2 + 1), new Float32Array(2)],
      }),
    ),
    expected: { content: /sequence 1 has 2[13] numbers, which is no multiple of the width 2/ },
  },
  'a class that stands there twice': {
    plugin: plugin((options) => labelled(options, {}, ['no', 'no'])),
    expected: { content: /fewer than two, or one twice/ },
  },
  'labels that change from load to load': {
    plugin: plugin((options, count) => labelled(options, { labels: Int32Array.of(count % 2, 1, 1) })),
    expected: { 'same-data': /loads other data the second time/ },
  },
  'tokens for a task of classes': {
    plugin: plugin((options) => ({ ...labelled(options), splits: dataset(options).splits })),
    expected: { content: /has tokens, though the task is classification/ },
  },
  'a question with a token outside the vocabulary': {
    plugin: plugin((options) => questions(options, { question: Int32Array.of(3) })),
    expected: { content: /split "train": question 1 has token 3, the vocabulary has 3/ },
  },
  'a question without a passage': {
    plugin: plugin((options) => questions(options, { passage: new Int32Array(0) })),
    expected: { content: /question 1 is empty or has no passage/ },
  },
  'an answer that is none': {
    plugin: plugin((options) => questions(options, { answer: 0 })),
    expected: { content: /question 1 has answer 0, which is none/ },
  },
  'an entity that is no token': {
    plugin: plugin((options) => questions(options, {}, { entities: [1, 5] })),
    expected: { content: /5 is no token, the vocabulary has 3/ },
  },
  'answers that change from load to load': {
    plugin: plugin((options, count) => questions(options, { answer: 1 + (count % 2) })),
    expected: { 'same-data': /loads other data the second time/ },
  },
  'draws that change from load to load': {
    plugin: plugin((options, count) => questions(options, {}, {}, count % 2 === 1)),
    expected: { 'same-data': /loads other data the second time/ },
  },
  'tokens for a task of questions': {
    plugin: plugin((options) => ({ ...questions(options), splits: dataset(options).splits })),
    expected: { content: /has tokens, though the task is cloze questions/ },
  },
  'other data the second time': {
    plugin: plugin(({ length }, count) => dataset({ length: length + count })),
    expected: { 'same-data': /loads other data the second time/ },
  },
  'a signal that is not heeded': {
    plugin: plugin(dataset, false),
    expected: { abort: /loads though its signal was aborted/ },
  },
  'no word on where the data are from': {
    plugin: plugin((options) => ({ ...dataset(options), notes: [] })),
    expected: { content: /does not note where its data come from/ },
  },
  'an ignored option': {
    plugin: plugin(() => dataset({ length: 10 })),
    expected: { 'options-used': /option "length" changes nothing/ },
  },
  'a leak': {
    plugin: plugin((options) => {
      tf.keep(tf.zeros([1]));
      return dataset(options);
    }),
    expected: { 'no-leak': /leaves 1 tensor behind/ },
  },
};

describe('the contract of data sets', () => {
  it('holds for a right data set', async () => {
    expectBroken(await checkDataset(plugin(dataset), claims), {});
    for (const right of [labelled, questions] as const)
      expectBroken(
        await checkDataset(
          plugin((options) => right(options)),
          claims,
        ),
        {},
      );
  });

  for (const [bug, { plugin: bad, expected }] of Object.entries(broken))
    it(`catches ${bug}`, async () => {
      expectBroken(await checkDataset(bad, claims), expected);
    });
});
