/** Compiled, never run: each `@ts-expect-error` line must be an error, and the lines without must not be. */
import type { CellState, Perturbation, Regularizer } from '@rnnx/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';

declare const value: Tensor;
declare const state: Tensor2D;

const good: readonly Perturbation[] = [
  { site: 'hidden', layer: 0, kind: 'scale', value },
  { site: 'cell', layer: 0, kind: 'retain', value },
  { site: 'embedding', kind: 'scale', value },
  { site: 'weights.recurrent', layer: 1, weight: 'recurrent-gates', kind: 'shift', value },
  { site: 'readout', layer: 0, kind: 'normalize', gamma: value, beta: value, epsilon: 1e-5 },
  { site: 'candidate', layer: 0, kind: 'map', map: (x, { t, previous }) => (t === 0 ? x : (previous ?? x)) },
];

// @ts-expect-error an unknown site
const site: Perturbation = { site: 'hiden', layer: 0, kind: 'scale', value };

// @ts-expect-error an unknown kind
const kind: Perturbation = { site: 'hidden', layer: 0, kind: 'multiply', value };

// @ts-expect-error a scale needs a value
const empty: Perturbation = { site: 'hidden', layer: 0, kind: 'scale' };

// @ts-expect-error a map needs a function
const mapless: Perturbation = { site: 'hidden', layer: 0, kind: 'map', value };

// @ts-expect-error a normalisation needs its scale
const scaleless: Perturbation = { site: 'hidden', layer: 0, kind: 'normalize', epsilon: 1e-5 };

// @ts-expect-error a value is a tensor, not a number
const number: Perturbation = { site: 'hidden', layer: 0, kind: 'scale', value: 2 };

// @ts-expect-error a map gives a tensor back
const wrongMap: Perturbation = { site: 'hidden', layer: 0, kind: 'map', map: () => 2 };

// @ts-expect-error every state has h
const headless: CellState = { c: state };

// @ts-expect-error a phase that does not exist
const phases: Regularizer = { perturb: ({ phase }) => (phase === 'test' ? [] : []) };

// @ts-expect-error a regularizer must say what to perturb
const silent: Regularizer = {};

export default [good, site, kind, empty, mapless, scaleless, number, wrongMap, headless, phases, silent];
