import { type ParameterSpec, type SequenceModel, trackWeights } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';

/** What a pass takes. */
export interface Cost {
  readonly seconds: number;
  /** Most at one time. */
  readonly bytes: number;
}

type Pass = () => { readonly result: object; readonly nll: tf.Scalar };

/** Backends that compute on the processor, in this process. */
const onProcessor = ['cpu', 'wasm', 'native'];
/** A pass is repeated so often, and no longer than this. */
const repetitions = 4;
const repeatingSeconds = 0.3;

/**
 * Seconds from its call on: by the clock, or by what the processor did for this process where that is less, since others that
 * use the machine make a trial longer by chance. Never 0.
 */
function stopwatch(): () => number {
  const began = performance.now();
  const used = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(used);
    const wall = (performance.now() - began) / 1000;
    return Math.max(1e-7, onProcessor.includes(tf.getBackend()) ? Math.min(wall, (user + system) / 1e6) : wall);
  };
}

/** Least time of a few runs of the same work, of `atLeast` where it is long. */
export async function leastSeconds(work: () => Promise<void>, atLeast = 1): Promise<number> {
  const began = performance.now();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < Math.max(repetitions, atLeast); i++) {
    const elapsed = stopwatch();
    await work();
    least = Math.min(least, elapsed());
    if (i + 1 >= atLeast && performance.now() - began > repeatingSeconds * 1000) break;
  }
  return least;
}

/** Runs a pass to its end on the device, and frees what it gave. */
export async function runPass(pass: Pass): Promise<void> {
  const { result, nll } = tf.tidy(pass as () => never) as unknown as ReturnType<Pass>;
  await nll.data();
  tf.dispose(result as tf.TensorContainer);
}

/** Memory of a pass, and its time, with which that of preparing kernels and of counting comes. */
export async function firstCost(pass: Pass): Promise<Cost> {
  const before = tf.memory().numBytes;
  const elapsed = stopwatch();
  const { peakBytes } = await tf.profile((() => runPass(pass)) as never);
  return { seconds: elapsed(), bytes: Math.max(0, peakBytes - before) };
}

/** Floating point operations a second of a product about as large as a model's, small enough to be quick anywhere. */
export async function flopsPerSecond(batch: number, hiddenSize: number): Promise<number> {
  const width = Math.min(256, hiddenSize);
  const [a, b] = [tf.ones([batch, width]), tf.ones([width, 4 * width])];
  try {
    const seconds = await leastSeconds(async () => {
      const product = tf.matMul(a, b);
      await product.data();
      product.dispose();
    });
    return (8 * batch * width * width) / seconds;
  } finally {
    tf.dispose([a, b]);
  }
}

/** Values that are repeated over large weights. */
const distinct = 4099;

/**
 * Weights that take no time to make, unlike orthogonal or sparse ones of their size: constants where a parameter starts so,
 * else numbers spread over (-0.05, 0.05). The caller owns them.
 */
export function trialWeights({ specs }: Pick<SequenceModel, 'specs'>): Record<string, tf.Tensor> {
  return tf.tidy(() =>
    Object.fromEntries(specs.map((spec) => [spec.name, tf.tensor(valuesOf(spec), [...spec.shape])])),
  );
}

function valuesOf({ shape, init }: ParameterSpec): Float32Array {
  const values = new Float32Array(shape.reduce((product, n) => product * n, 1));
  if (init?.name === 'zeros') return values;
  if (init?.name === 'constant') return values.fill(init.value);
  const golden = (Math.sqrt(5) - 1) / 2; // its multiples are spread evenly
  const few = Math.min(distinct, values.length);
  for (let i = 0; i < few; i++) values[i] = 0.1 * (((i + 1) * golden) % 1) - 0.05;
  for (let filled = few; filled > 0 && filled < values.length; filled *= 2) values.copyWithin(filled, 0, filled);
  return values;
}

/** Largest matrix on which the cost of tracking is measured, once for a backend. */
const trackedSize = 200;
const tracked = new Map<string, number>();

/** Seconds that the tracked quantities of an epoch take: measured for blocks of up to 200 units, O(H³) beyond. */
export async function trackingSeconds(
  quantities: Parameters<typeof trackWeights>[0],
  { shape }: Pick<SequenceModel, 'shape'>,
): Promise<number> {
  let seconds = 0;
  for (const layer of quantities.length === 0 ? [] : shape.layers)
    for (const {
      shape: [rows = 0, columns = 0],
    } of layer.recurrentWeights) {
      const size = Math.min(rows, trackedSize);
      const key = `${tf.getBackend()} ${size}`;
      const one = tracked.get(key) ?? (await timeTracking(quantities, shape, size));
      tracked.set(key, one);
      seconds += one * (rows / size) ** 3 * (columns / rows);
    }
  return seconds;
}

async function timeTracking(
  quantities: Parameters<typeof trackWeights>[0],
  shape: SequenceModel['shape'],
  size: number,
): Promise<number> {
  const small = { name: 'x', shape: [size, size] };
  const model = { shape: { ...shape, layers: [{ ...shape.layers[0]!, recurrentWeights: [small] }] } };
  const weight = tf.tensor(valuesOf(small), [size, size]);
  try {
    return await leastSeconds(async () => void (await trackWeights(quantities, model, { 'layer-0/x': weight })), 2);
  } finally {
    weight.dispose();
  }
}
