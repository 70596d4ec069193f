import type { ExperimentInput, PluginRef } from '@rnnx/core';
import type { Choice } from './preset.js';

/** What the experiments of Cooijmans et al. (2016) have in common: an LSTM, plain or batch-normalised, all else alike. */
export type RbnModel = 'lstm' | 'bn-lstm';

export function label(model: RbnModel): string {
  return model === 'lstm' ? 'LSTM' : 'BN-LSTM';
}

/** One layer, orthogonal matrices, forget gate's bias 1, other biases 0, initial state learned. */
export function start(cell: object = {}): NonNullable<ExperimentInput['model']> {
  return {
    cell: { name: 'lstm', forgetBias: 1, biasInit: { name: 'zeros' }, ...cell },
    layers: 1,
    initialState: 'learned',
    init: { name: 'orthogonal', gain: 1 },
    outputBiasInit: { name: 'zeros' },
  };
}

/** @param steps T_max, time steps of the longest training sequence */
export function batchNorm(steps: number, initialNoise = 0): PluginRef {
  const noise = { initialNoise, ...(initialNoise > 0 && { initialNoiseAtTest: true }) };
  return { name: 'batch-norm-lstm', gamma: 0.1, epsilon: 1e-5, maxSteps: steps, ...noise };
}

export function common(model: RbnModel): readonly Choice[] {
  const choices: Choice[] = [
    { name: 'learning rate', text: 'It stays the same throughout.' },
    { name: 'clipping', text: "The global norm of the gradient, at 1, as in the authors' code." },
    {
      name: 'forget gate',
      text: "Its bias starts at 1, as in the authors' code, where the plain LSTM also learns a shift inside tanh(c_t) that is left out here.",
    },
    {
      name: 'model selection',
      text: 'The parameters with the best validation score are tested, both scored with population statistics where there are any.',
    },
  ];
  if (model === 'bn-lstm')
    choices.push(
      { name: 'variance', text: 'Biased, with ε = 1e-5 added.' },
      {
        name: 'population statistics',
        text: 'The plain average over the minibatches of one pass over the training split, made before each evaluation.',
      },
    );
  return choices;
}

export const oneHot: Choice = {
  name: 'one-hot input',
  text: 'An embedding as wide as the alphabet that starts as the identity and is trained with the rest.',
};
