import { createRng, enableFusedKernels, type ModelShape, type Perturbation, SitePlan, unroll } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { createCell, type FusedCellName } from './sequences.js';

/** A sequence whose products and readout are batch-normalised. */
export interface NormalizedCase {
  readonly cell: FusedCellName;
  readonly steps: number;
  readonly batch: number;
  readonly units: number;
  /** Whose statistics: the minibatch's, those of its examples that count, or a population's, of each step or of all. */
  readonly statistics: 'minibatch' | 'masked' | 'stepwise' | 'shared';
  /** Whether the products have shifts too, and not the readout alone. */
  readonly shifts: boolean;
  readonly seed: number;
}

type Name = 'input' | 'recurrent' | 'readout';

/** Everything that a gradient is asked of, the loss's weights, and statistics. */
export function normalizedInputs(at: NormalizedCase) {
  const { steps, batch, units } = at;
  const rng = createRng(at.seed);
  const draw = (name: string, shape: number[], low: number, high: number): tf.Tensor =>
    tf.tidy(() => tf.add(tf.mul(rng.stream(name).uniform(shape), high - low), low));
  const cell = createCell(at.cell);
  const layout = cell.build(2, units);
  const columns = layout.gates.length * units;
  const names: readonly Name[] = cell.sites.includes('readout')
    ? ['input', 'recurrent', 'readout']
    : ['input', 'recurrent'];
  const width = (name: Name) => (name === 'readout' ? units : columns);
  const stepwise = at.statistics === 'stepwise' ? steps : 1;
  const counted = Array.from({ length: steps * batch }, (_, i) => Number((i * 7 + at.seed) % 3 > 0));
  return {
    names,
    differentiable: {
      x: draw('x', [steps, batch, 2], -1, 1),
      ...Object.fromEntries(layout.parameters.map(({ name, shape }) => [name, draw(name, [...shape], -0.5, 0.5)])),
      ...Object.fromEntries(cell.stateNames.map((name) => [`first ${name}`, draw(name, [batch, units], -1, 1)])),
      ...Object.fromEntries(names.map((name) => [`gamma ${name}`, draw(`g${name}`, [width(name)], 0.1, 1)])),
      ...Object.fromEntries(
        names
          .filter((name) => at.shifts || name === 'readout')
          .map((name) => [`beta ${name}`, draw(`b${name}`, [width(name)], -0.5, 0.5)]),
      ),
    } as Record<string, tf.Tensor>,
    dy: draw('dy', [steps, batch, units], -1, 1),
    mask: at.statistics === 'masked' ? tf.tensor2d(counted, [steps, batch]) : undefined,
    population: at.statistics.startsWith('s')
      ? names.map((name) => ({
          mean: draw(`m${name}`, [stepwise, 1, width(name)], -0.3, 0.3),
          variance: draw(`v${name}`, [stepwise, 1, width(name)], 0.2, 2),
        }))
      : undefined,
  };
}

/** Runs a case through the unroll: loss Σ h·dy, states, observed statistics and all gradients by name. */
export function runNormalized(
  at: NormalizedCase,
  { names, differentiable, dy, mask, population }: ReturnType<typeof normalizedInputs>,
  fused: boolean,
): Record<string, tf.Tensor> {
  const cell = createCell(at.cell);
  const layout = cell.build(2, at.units);
  const shapeOf = (name: string) => layout.parameters.find((each) => each.name === name)!.shape as [number, number];
  const model: ModelShape = {
    vocabularySize: undefined,
    sites: cell.sites,
    layers: [
      {
        inputSize: 2,
        hiddenSize: at.units,
        gates: layout.gates.length,
        inputWeight: { name: layout.inputWeight, shape: shapeOf(layout.inputWeight) },
        recurrentWeights: layout.recurrentWeights.map((name) => ({ name, shape: shapeOf(name) })),
      },
    ],
    outputWeight: [1, at.units],
  };
  const results: Record<string, tf.Tensor> = {};
  const seen: Record<string, tf.Tensor[]> = {};
  const keys = Object.keys(differentiable);
  enableFusedKernels(fused);
  try {
    const { value, grads } = tf.valueAndGrads((...all) => {
      const of = Object.fromEntries(keys.map((key, i) => [key, all[i]!]));
      const perturbations = names.map((name, k) => {
        const beta = of[`beta ${name}`];
        const perturbation: Perturbation = {
          site: name === 'readout' ? 'readout' : `preactivation.${name}`,
          layer: 0,
          kind: 'normalize',
          gamma: of[`gamma ${name}`]!,
          ...(beta && { beta }),
          epsilon: 0.1,
          ...(mask && { mask }),
          ...(population && { statistics: population[k]! }),
          observe: (mean, variance, t, column) => {
            for (const [what, tensor] of Object.entries({ mean, variance })) {
              seen[`${what} ${name} ${column}`] ??= [];
              seen[`${what} ${name} ${column}`]!.push(
                tf.keep(t === undefined ? tensor.clone() : tf.expandDims(tensor, 0)),
              );
            }
          },
        };
        return { owner: 'test', perturbation };
      });
      const plan = new SitePlan(perturbations, model, at.steps, at.batch);
      const state = Object.fromEntries(cell.stateNames.map((name) => [name, of[`first ${name}`]!]));
      const layer = unroll(cell, layout, of, of.x as tf.Tensor3D, state as never, plan, 0);
      results.hidden = tf.keep(layer.hidden.clone());
      for (const name of cell.stateNames) results[`last ${name}`] = tf.keep(layer.state[name]!.clone());
      return tf.sum(tf.mul(layer.hidden, dy)) as tf.Scalar;
    })(keys.map((key) => differentiable[key]!));
    results.loss = value;
    for (const [i, key] of keys.entries()) results[`d ${key}`] = grads[i]!;
    for (const [name, parts] of Object.entries(seen)) results[name] = tf.concat(parts, 0);
    return results;
  } finally {
    enableFusedKernels(true);
  }
}
