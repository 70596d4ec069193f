import type { ExperimentInput } from '@rnnx/core';
import type { Choice } from './preset.js';

/** The three networks of Zaremba, Sutskever and Vinyals (2014), "Recurrent Neural Network Regularization", section 4.1. */
export type ZarembaSize = keyof typeof networks;

interface Network {
  readonly hiddenSize: number;
  /** Half the width of the uniform start of every parameter. */
  readonly initScale: number;
  readonly bptt: number;
  /** Last epoch at learning rate 1, and what it is divided by each epoch after. */
  readonly decayAfter: number;
  readonly decayBy: number;
  readonly epochs: number;
  readonly clipNorm: number;
}

const networks = {
  small: { hiddenSize: 200, initScale: 0.1, bptt: 20, decayAfter: 4, decayBy: 2, epochs: 13, clipNorm: 5 },
  medium: { hiddenSize: 650, initScale: 0.05, bptt: 35, decayAfter: 6, decayBy: 1.2, epochs: 39, clipNorm: 5 },
  large: { hiddenSize: 1500, initScale: 0.04, bptt: 35, decayAfter: 14, decayBy: 1.15, epochs: 55, clipNorm: 10 },
} satisfies Record<string, Network>;

export function hiddenSizeOf(size: ZarembaSize): number {
  return networks[size].hiddenSize;
}

/**
 * A 2-layer LSTM of that size and its training: SGD at rate 1 on the sum over the time steps of the batch mean, state carried,
 * every parameter uniform.
 *
 * @param tied one matrix for embedding and output; they were two in 2014
 */
export function zaremba(
  size: ZarembaSize,
  tied: boolean,
  batchSize = 20,
): Required<Pick<ExperimentInput, 'model' | 'training'>> {
  const { hiddenSize, initScale, bptt, decayAfter, decayBy, epochs, clipNorm }: Network = networks[size];
  return {
    model: { cell: 'lstm', layers: 2, hiddenSize, tied, init: { name: 'uniform', scale: initScale } },
    training: {
      epochs,
      batchSize,
      bptt,
      carryState: true,
      lossReduction: 'sum',
      optimizer: { name: 'sgd', learningRate: 1 },
      schedule: { name: 'zaremba', after: decayAfter, factor: 1 / decayBy },
      clipNorm,
    },
  };
}

export const bestCheckpoint: Choice = {
  name: 'model selection',
  text: 'The parameters of the epoch with the best validation score are the ones that are tested.',
};
