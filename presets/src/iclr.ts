import type { PluginRef } from '@rnnx/core';
import type { Choice } from './preset.js';

/** What tables 2 and 3 of the ICLR 2018 submission have in common: Gaussian noise added to the hidden state. */
export function additiveNoise(spread: number, learned: object = {}): PluginRef {
  return {
    name: 'noisin',
    distribution: 'gaussian',
    injection: 'additive',
    spread,
    ...learned,
    evaluation: 'probabilities',
    evaluationSamples: 10,
  };
}

/** σ = 0.1 + softplus(ρ), one ρ a layer. */
export const learnedNoise = additiveNoise(0.5, { learned: true, lowerBound: 0.1 });

export const atEvaluation: Choice = {
  name: 'noise at evaluation',
  text: 'The predictive probabilities of ten noisy passes are averaged.',
};

export const learnedSpread: Choice = {
  name: 'learned noise level',
  text: 'Each layer learns σ = 0.1 + softplus(ρ) with the rate of the weights, from 0.5 on.',
};
