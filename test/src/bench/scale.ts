import type { Spec } from './workload.js';

/** How large everything is. */
export interface Scale {
  /** Two-layer LSTM language models by hidden size. */
  readonly language: Readonly<Record<number, Spec>>;
  /** Hidden sizes without `--sizes`. */
  readonly sizes: readonly number[];
  /** At which of them regularizers are compared with each other, and cells. */
  readonly regularizers: number;
  readonly music: Spec;
  readonly digits: Spec;
  /** Shapes [m, n, k] among which the peak of the matrix product is looked for. */
  readonly products: readonly (readonly [m: number, n: number, k: number])[];
  /** Steps after which peak memory is read: the first allocates, the others might add. */
  readonly memorySteps: number;
  /** Between the first of these steps and the last one memory must be flat. */
  readonly flatSteps: readonly [first: number, last: number];
  /** Whether figures are held against what is wanted. */
  readonly judged: boolean;
  /** Arguments of `rnnx run`. */
  readonly quickstart: readonly string[];
}

function language(hidden: number, steps: number, batch: number, words: number): Spec {
  return {
    task: 'language',
    cell: 'lstm',
    layers: 2,
    hidden,
    steps,
    batch,
    inputs: words,
    outputs: words,
    variant: 'plain',
  };
}

const music: Spec = {
  task: 'music',
  cell: 'gru',
  layers: 1,
  hidden: 200,
  steps: 100,
  batch: 27,
  inputs: 88,
  outputs: 88,
  variant: 'plain',
};

const digits: Spec = {
  task: 'digits',
  cell: 'lstm',
  layers: 1,
  hidden: 100,
  steps: 784,
  batch: 100,
  inputs: 1,
  outputs: 10,
  variant: 'batch-norm',
};

/** The sizes of the papers: Penn Treebank, polyphonic music, MNIST pixel by pixel. */
export const full: Scale = {
  language: {
    200: language(200, 20, 20, 10_000),
    650: language(650, 35, 20, 10_000),
    1500: language(1500, 35, 20, 10_000),
  },
  sizes: [200, 650, 1500],
  regularizers: 650,
  music,
  digits,
  products: [
    [1024, 1024, 1024],
    [2048, 2048, 2048],
    [700, 10_000, 650],
    [700, 6000, 1500],
  ],
  memorySteps: 3,
  flatSteps: [100, 1000],
  judged: true,
  quickstart: ['--preset', 'quickstart'],
};

/** To see in seconds that everything runs; the figures mean nothing. */
export const tiny: Scale = {
  language: { 3: language(3, 2, 2, 5), 4: language(4, 3, 2, 7) },
  sizes: [3, 4],
  regularizers: 4,
  music: { ...music, hidden: 4, steps: 3, batch: 2, inputs: 5, outputs: 5 },
  digits: { ...digits, hidden: 4, steps: 3, batch: 4, outputs: 3 },
  products: [
    [8, 9, 10],
    [12, 9, 10],
  ],
  memorySteps: 1,
  flatSteps: [2, 6],
  judged: false,
  quickstart: [
    ...['--preset', 'quickstart'],
    ...[
      ...['dataset.trainTokens=400', 'dataset.validTokens=100', 'dataset.testTokens=100'],
      ...['training.epochs=1', 'training.batchSize=5', 'evaluation.batchSize=5', 'model.hiddenSize=4'],
    ].flatMap((change) => ['--set', change]),
  ],
};
