import {
  createRng,
  type MapContext,
  Normalizer,
  type Perturbation,
  type Phase,
  type Regularizer,
  type Rng,
  type Site,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { fail } from '../outcome.js';
import { type Rig, read } from '../rig.js';

/**
 * What one perturbation does, as numbers `[steps, batch, units]`: its value as it came (a dimension of 1 is shared), or for a
 * map its result on a probe that is the same for every step and example. Gates of an untied mask lie side by side in the
 * units; a weight's elements too.
 */
export interface Effect {
  /** Site, layer, kind and its rank among perturbations of the same place: the same in every minibatch. */
  readonly place: string;
  readonly site: Site;
  readonly kind: Perturbation['kind'];
  readonly steps: number;
  readonly batch: number;
  readonly units: number;
  readonly values: Float32Array;
  /** What would leave the quantity alone, by unit. */
  readonly neutral: (unit: number) => number;
}

/** The perturbations of one minibatch, read; no tensor stays. */
export async function effectsOf(
  regularizer: Regularizer,
  rig: Rig,
  owner: string,
  phase: Phase,
  rng: Rng,
): Promise<Effect[]> {
  const { model, batch } = rig;
  const weights = phase === 'train' ? {} : await rig.statistics();
  const prefix = `statistics/${owner}/`;
  const statistics = Object.fromEntries(
    Object.entries(weights).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value] as const] : [],
    ),
  );
  const seen = new Map<string, number>();
  const found: { effect: Omit<Effect, 'values'>; tensor: tf.Tensor }[] = [];
  tf.tidy(() => {
    const perturbations = regularizer.perturb({
      phase,
      model: model.shape,
      batch: batch.batch,
      steps: batch.steps,
      start: 0,
      rng,
      parameters: rig.parametersOf(owner),
      statistics,
    });
    for (const perturbation of perturbations) {
      const { site, kind, layer, weight } = perturbation;
      const path = [site, layer, weight, kind].filter((part) => part !== undefined).join('/');
      const rank = (seen.get(path) ?? 0) + 1;
      seen.set(path, rank);
      const { tensor, neutral } = 'value' in perturbation ? ofValue(perturbation) : probe(perturbation, rig);
      const [steps, rows, units] = tensor.shape as [number, number, number];
      const place = rank === 1 ? path : `${path}#${rank}`;
      found.push({ effect: { place, site, kind, steps, batch: rows, units, neutral }, tensor: tf.keep(tensor) });
    }
  });
  const effects: Effect[] = [];
  for (const { effect, tensor } of found) {
    effects.push({ ...effect, values: await read(tensor) });
    tensor.dispose();
  }
  return effects;
}

interface Probed {
  readonly tensor: tf.Tensor;
  readonly neutral: (unit: number) => number;
}

type Valued = Extract<Perturbation, { value: tf.Tensor }>;
type Mapped = Extract<Perturbation, { kind: 'map' | 'normalize' }>;

function ofValue({ site, kind, value }: Valued): Probed {
  const neutral = () => (kind === 'scale' ? 1 : 0);
  const shape = value.shape;
  const last = shape.at(-1) ?? 1;
  if (site === 'embedding' || value.rank === 0) return { tensor: tf.reshape(value, [1, -1, last]), neutral };
  if (site.startsWith('weights.')) {
    const steps = value.rank === 3 ? shape[0]! : 1;
    return { tensor: tf.reshape(value, [steps, 1, -1]), neutral };
  }
  if (value.rank < 3) fail(`the value at "${site}" has ${value.rank} dimensions instead of 3`);
  return { tensor: tf.reshape(value, [shape[0]!, shape[1]!, -1]), neutral };
}

/** The result of a map or a normalisation on quantities that do not vary over steps and examples. */
function probe(perturbation: Mapped, rig: Rig): Probed {
  const { site, layer = 0 } = perturbation;
  const normalizer = perturbation.kind === 'map' ? undefined : new Normalizer(perturbation);
  const map = (x: tf.Tensor, at: MapContext): tf.Tensor =>
    perturbation.kind === 'map' ? perturbation.map(x, at) : normalizer!.apply(x, at.t, at.columns);
  const { model, batch } = rig;
  const shape = model.shape.layers[layer]!;
  const rng = createRng(31).stream(`${site}/${layer}`);
  const sequence = site === 'input' || site === 'output' || site === 'preactivation.input';
  const rows = sequence ? [batch.steps, batch.batch] : [batch.batch];
  const everywhere = (values: Float32Array) => {
    const all = new Float32Array(rows.reduce((product, n) => product * n, values.length));
    for (let i = 0; i < all.length; i++) all[i] = values[i % values.length]!;
    return tf.tensor(all, [...rows, values.length]);
  };
  if (site.startsWith('weights.')) {
    const size =
      site === 'weights.output'
        ? model.shape.outputWeight
        : site === 'weights.input'
          ? shape.inputWeight.shape
          : shape.recurrentWeights[0]!.shape;
    const values = rng.normals(size[0]! * size[1]!);
    const weight = tf.tensor(values, [...size]);
    return { tensor: tf.reshape(map(weight, { layer, t: undefined }), [1, 1, -1]), neutral: (i) => values[i]! };
  }
  let x: Float32Array;
  let extra = {};
  if (site.startsWith('preactivation')) {
    const inner = site === 'preactivation.input' ? shape.inputSize : shape.hiddenSize;
    const columns = shape.gates * shape.hiddenSize;
    const operand = rng.stream('operand').normals(inner);
    const weight = rng.stream('weight').normals(inner * columns);
    x = new Float32Array(columns);
    for (let j = 0; j < columns; j++) for (let i = 0; i < inner; i++) x[j]! += operand[i]! * weight[i * columns + j]!;
    extra = { operand: everywhere(operand), weight: tf.tensor2d(weight, [inner, columns]) };
  } else x = rng.stream('x').normals(site === 'input' ? shape.inputSize : shape.hiddenSize);
  if (site === 'hidden' || site === 'cell')
    extra = { previous: everywhere(rng.stream('previous').normals(shape.hiddenSize)) };
  const at = (t: number | undefined) => map(everywhere(x), { layer, t, ...extra });
  const steps = site === 'initial' ? 1 : batch.steps;
  const tensor = sequence ? at(undefined) : tf.stack(Array.from({ length: steps }, (_, t) => at(t)));
  return { tensor, neutral: (unit) => x[unit]! };
}
