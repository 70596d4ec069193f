import type { Model } from './music-settings.js';
import type { SearchRange } from './preset.js';

/**
 * What the music study searched at random, 50 configurations for each regularizer and corpus (its table 2). Signs of the
 * exponents are lost in the available text and restored; of the three values of σ₁ one is damaged and left out.
 */
const common: readonly SearchRange[] = [
  { name: 'σ₁', paths: ['model.cell.inputInit.std'], values: [1e-3, 1e-4] },
  { name: 'σ₂', paths: ['model.cell.recurrentInit.std', 'model.init.std'], values: [1e-1, 1e-2, 1e-3] },
  { name: 'k', paths: ['model.cell.recurrentInit.connections'], values: [15, 25, 50] },
  { name: 'radius', paths: ['model.cell.recurrentInit.spectralRadius'], values: [0.9, 1.0, 1.1] },
  { name: 'momentum', paths: ['training.optimizer.momentum'], values: [0.9, 0.95, 0.99] },
  { name: 'step rate', paths: ['training.optimizer.learningRate'], values: [1e-2, 1e-3, 1e-4] },
  { name: 'batch', paths: ['training.batchSize'], values: [27, 81] },
];

const noise: SearchRange = { name: 'σ', paths: ['regularizers.0.std'], from: 0.01, to: 0.1, scale: 'linear' };
const rate: SearchRange = { name: 'p', paths: ['regularizers.0.rate'], from: 0, to: 1, scale: 'linear' };

/** Ranges of a model's search; `undefined` for fast dropout, for which the paper states none. */
export function searchOf(model: Model): readonly SearchRange[] | undefined {
  switch (model) {
    case 'fd':
      return undefined;
    case 'rnn':
      return common;
    case 'nbr':
      return [
        { name: 'λ', paths: ['regularizers.0.lambda'], from: 1e-4, to: 1e-2, scale: 'log' },
        { name: 'q', paths: ['regularizers.0.q'], values: [1, 2] },
        ...common,
      ];
    case 'do':
    case 'dos':
      return [rate, ...common];
    default:
      return [noise, ...common];
  }
}
