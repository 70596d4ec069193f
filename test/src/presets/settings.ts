import type { ExperimentConfig } from '@rnnx/core';
import type { Target } from './targets.js';

/** What a row of a paper says of its experiment, as parts of a complete configuration. Knows nothing of the presets. */
export interface ExpectedSettings {
  readonly dataset: Record<string, unknown>;
  readonly model: Record<string, unknown>;
  readonly cell: Record<string, unknown>;
  readonly training: Record<string, unknown>;
  readonly optimizer: Record<string, unknown>;
  readonly regularizers: readonly Record<string, unknown>[];
}

export function expectedSettings(target: Target): ExpectedSettings {
  return {
    noisin,
    'noise-based-regularizers': iclr,
    'recurrent-batch-normalization': batchNormalization,
    'regularizing-recurrent-networks': music,
  }[target.paper]!(target);
}

/** The same parts of a configuration. */
export function actualSettings({ dataset, model, training, regularizers }: ExperimentConfig): ExpectedSettings {
  return {
    dataset: dataset as unknown as Record<string, unknown>,
    model: model as unknown as Record<string, unknown>,
    cell: model.cell as unknown as Record<string, unknown>,
    training: training as unknown as Record<string, unknown>,
    optimizer: training.optimizer,
    regularizers: regularizers as unknown as readonly Record<string, unknown>[],
  };
}

function noisin({ dataset, model, regularizer }: Target): ExpectedSettings {
  const { noise, gamma, dropout, gamma_reading: reading } = regularizer;
  const regularizers: Record<string, unknown>[] = [];
  if (noise !== null)
    regularizers.push({
      name: 'noisin',
      distribution: noise,
      spread: gamma,
      injection: 'multiplicative',
      reading: String(reading).startsWith('keep probability') ? 'keep-probability' : 'standard-deviation',
      learned: false,
      samples: 1,
    });
  if (dropout !== undefined)
    regularizers.push({ name: 'dropout', placement: 'vertical', ...(dropout as Record<string, number>) });
  return {
    dataset: { name: dataset === 'Wikitext-2' ? 'wikitext-2' : 'ptb' },
    // 13 and 51 million parameters are quoted, which tied embeddings have.
    model: { layers: model.layers, hiddenSize: model.hidden, tied: true },
    cell: { name: 'lstm' },
    training: { bptt: 35, batchSize: 20, epochs: model.size === 'medium' ? 39 : 55 },
    optimizer: { name: 'sgd', learningRate: 1 },
    regularizers,
  };
}

function iclr({ dataset, model, regularizer }: Target): ExpectedSettings {
  const { method, sigma, injection, noise, sigma_floor: floor = 0.1 } = regularizer;
  const learned = sigma === 'learned';
  const regularizers =
    method === 'none'
      ? []
      : method === 'variational-dropout'
        ? [{ name: 'gal-dropout', gates: 'tied' }]
        : [{ name: 'noisin', distribution: noise, injection, learned, ...(learned ? { lowerBound: floor } : {}) }];
  const simple = model.type === 'simple RNN';
  const activation = model.activation === 'rectifier' ? 'relu' : model.activation;
  const zaremba = /lr 1, halved every epoch after 4 epochs, batch 32, global-norm clip 5/;
  return {
    dataset: { name: dataset === 'Wikitext-2' ? 'wikitext-2' : 'ptb' },
    model: { layers: model.layers, hiddenSize: model.hidden ?? 256 },
    cell: simple ? { name: 'rnn', activation } : { name: 'lstm' },
    training: simple
      ? { schedule: { name: 'constant' } }
      : zaremba.test(String(model.optimizer))
        ? { batchSize: 32, clipNorm: 5, schedule: { name: 'zaremba', after: 4, factor: 0.5 } }
        : { unreadable: model.optimizer },
    optimizer: simple
      ? { name: 'adam', learningRate: Number(/Adam, fixed learning rate ([\d.]+)/.exec(String(model.optimizer))![1]) }
      : { name: 'sgd', learningRate: 1 },
    regularizers,
  };
}

function batchNormalization({ dataset, model, regularizer }: Target): ExpectedSettings {
  const said = String(model.optimizer);
  const number = (pattern: RegExp) => Number(pattern.exec(said)![1]);
  const text8 = dataset === 'text8';
  const images = dataset.includes('MNIST');
  const bptt = images ? 28 * 28 : number(/segments of (\d+)/) - 1; // the first character of a segment is not predicted
  return {
    dataset: {
      name: images ? 'sequential-mnist' : text8 ? 'text8' : 'ptb-char',
      ...(images ? { permutation: dataset.startsWith('permuted') ? 1 : null } : {}),
    },
    model: { layers: model.layers, hiddenSize: model.hidden, initialState: 'learned' },
    cell: { name: 'lstm', ...(images ? { candidateInit: { name: 'identity', scale: 1 } } : {}) },
    training: {
      bptt,
      clipNorm: number(/clip ([\d.]+)/),
      carryState: false,
      segments: images ? 'streamed' : 'shuffled',
      // text8: the authors' correction of the printed rate and batch size, which the list mentions.
      ...(images ? {} : { batchSize: text8 ? number(/later changed .* batch (\d+)/) : number(/batch (\d+)/) }),
    },
    optimizer: images
      ? { name: 'rmsprop', learningRate: number(/lr ([\d.e-]+)/), decay: number(/'momentum' ([\d.]+)/), momentum: 0 }
      : { name: 'adam', learningRate: text8 ? number(/later changed this to lr ([\d.]+)/) : number(/lr ([\d.]+)/) },
    regularizers:
      regularizer.method === 'none'
        ? []
        : [{ name: 'batch-norm-lstm', gamma: regularizer.gamma_init, maxSteps: bptt, initialNoise: noiseOn(dataset) }],
  };
}

/** In reading order the first pixels do not vary. */
function noiseOn(dataset: string): number {
  return dataset === 'sequential MNIST' ? 0.1 : 0;
}

const musicSets: Readonly<Record<string, string>> = {
  'JSB Chorales': 'jsb-chorales',
  Nottingham: 'nottingham',
  'Piano-midi.de': 'piano-midi',
  MuseData: 'muse-data',
};

function music({ dataset, model, regularizer, hyperparameters: table }: Target): ExpectedSettings {
  const fast = regularizer.method === 'fast-dropout';
  return {
    dataset: { name: musicSets[dataset], chunk: 100 },
    model: {
      layers: 1,
      initialState: 'learned',
      ...(table ? { hiddenSize: model.hidden, init: { name: 'normal', std: table.sigma_2 } } : {}),
    },
    cell: {
      name: fast ? 'fast-dropout' : 'rnn',
      activation: 'tanh',
      biasInit: { name: 'zeros' },
      ...(table && {
        inputInit: { name: 'normal', std: table.sigma_1 },
        recurrentInit: {
          name: 'sparse',
          connections: table.sparsify_k,
          std: table.sigma_2,
          spectralRadius: table.spectral_radius,
        },
      }),
    },
    training: {
      epochs: 1000,
      patience: 50,
      bptt: 99,
      carryState: false,
      clipNorm: null,
      lossReduction: 'mean',
      ...(table && { batchSize: table.batch_size }),
    },
    optimizer: {
      name: 'rmsprop',
      initial: 1,
      ...(table && { momentum: table.momentum, learningRate: table.step_rate, decay: 0.9 }),
    },
    regularizers: table === undefined ? [] : [musicRegularizer(regularizer, table)],
  };
}

type Table = NonNullable<Target['hyperparameters']>;

function musicRegularizer({ method, kind, weights, resampling }: Target['regularizer'], table: Table) {
  const lifetime = resampling === 'per time step' ? 'step' : 'sequence';
  if (method === 'dropconnect') return { name: 'dropconnect', rate: table.p, lifetime, rescale: 'test' };
  if (method === 'weight-noise')
    return {
      name: 'weight-noise',
      std: table.sigma_noise,
      lifetime,
      form: kind === 'multiplicative' ? 'multiplicative' : 'additive',
      weights: weights === 'recurrent' ? ['recurrent'] : ['input', 'output'],
      pass: 'both',
    };
  return {
    name: 'tikhonov',
    lambda: 10 ** -Number(table.lambda_entry),
    q: table.norm === 'L1' ? 1 : 2,
    matrices: ['input', 'recurrent', 'output'],
  };
}
