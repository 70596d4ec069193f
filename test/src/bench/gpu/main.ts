import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { webGpuBackend, webgpu } from '@rnnx/backend-webgpu';
import { type Backend, PluginRegistry } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { median } from '../report.js';
import { full, tiny } from '../scale.js';
import { createWorkload, type Spec } from '../workload.js';
import { agreement, productError } from './agreement.js';
import { deviceTime } from './device-time.js';

const usage = `run.sh [--sizes 650,1500] [--seconds S] [--adapter NAME] [--matmul KIND] [--python PROGRAM] [--tiny]
  --seconds  of each measurement, of which there are three rounds; default 5
  --adapter  which GPU, by a part of its name
  --matmul   what models multiply large matrices by: f32 (default: the quicker of the next two), tiles, subgroups, f16, or f16-sums
  --python   with PyTorch; default python3; "none" leaves PyTorch out
  --tiny     a model of a few units, to see that everything runs`;

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    adapter: { type: 'string' },
    matmul: { type: 'string', default: 'f32' },
    python: { type: 'string', default: 'python3' },
    tiny: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Larger differences than rounding makes. */
const tolerance = 1e-5;
/** The same of products in half precision. */
const halfTolerance = 2e-3;
const rounds = 3;
const variants = ['plain', 'noisin', 'dropout'] as const;
/** Whose kernels are checked beside theirs. */
const others = ['gal-untied', 'dropconnect-step', 'weight-noise', 'batch-norm'] as const;
/** Tokens of the Penn Treebank's training split. */
const epochTokens = 929_589;

interface Measured {
  readonly stepsPerSecond: number;
  /** Part of the time in which the GPU computes, by its own clock; `undefined` where it has none. */
  readonly onDevice: number | undefined;
}

/** Steps between looks at the clock. */
const stride = 10;

async function measure(spec: Spec, seconds: number): Promise<Measured> {
  const workload = createWorkload(spec);
  await workload.run(3);
  let steps = 0;
  const start = performance.now();
  do {
    await workload.run(stride);
    steps += stride;
  } while (performance.now() - start < seconds * 1000);
  const stepsPerSecond = (steps * 1000) / (performance.now() - start);
  const began = performance.now();
  let timed = 0;
  const device = await deviceTime(webGpuBackend()!.device, async () => {
    await workload.run(stride);
    timed = performance.now() - began;
  });
  workload.dispose();
  return { stepsPerSecond, onDevice: device === undefined ? undefined : device / timed };
}

/** 10^12 operations a second of a product, as an output layer has it; rank 3 is left to tfjs's own kernel. */
async function productSpeed(layout: ProductLayout, rank: 2 | 3, seconds: number): Promise<number> {
  const [m, k, n] = options.tiny ? [64, 64, 64] : [700, 1500, 10_000];
  const [ta, tb] = [layout[0] === 'T', layout[1] === 'T'];
  const shape = (rows: number, columns: number) => (rank === 2 ? [rows, columns] : [1, rows, columns]);
  const a = tf.fill(ta ? shape(k, m) : shape(m, k), 0.5);
  const b = tf.fill(tb ? shape(n, k) : shape(k, n), 0.5);
  const some = async (count: number) => {
    let last: tf.Tensor | undefined;
    for (let i = 0; i < count; i++) {
      last?.dispose();
      last = tf.matMul(a, b, ta, tb);
    }
    const origin = shape(m, n).map(() => 0);
    const corner = tf.slice(last!, origin, shape(1, 1));
    const [value] = await corner.data(); // waits for all of them
    if (value !== k / 4) throw new Error(`the GPU computes ${k} x 0.5 x 0.5 = ${value}`);
    tf.dispose([last!, corner]);
  };
  await some(2);
  const [start, each] = [performance.now(), options.tiny ? 1 : 20];
  let count = 0;
  do {
    await some(each);
    count += each;
  } while (performance.now() - start < seconds * 1000);
  const speed = (2 * m * k * n * count) / ((performance.now() - start) * 1e9);
  tf.dispose([a, b]);
  return speed;
}

const layouts = ['NN', 'NT', 'TN'] as const;
type ProductLayout = (typeof layouts)[number];

/** Prints the speed of all kernels for large products that this GPU has, checked first; leaves the last of them in use. */
async function products(backendOf: (matmul: string) => Backend, seconds: number): Promise<void> {
  console.log('Large matrix products, TFLOPS (NN, right side transposed, left side transposed), error of itself:');
  const print = async (name: string, rank: 2 | 3) => {
    const wrong = await productError();
    const speeds: string[] = [];
    for (const layout of layouts) speeds.push((await productSpeed(layout, rank, seconds)).toFixed(2));
    const right = wrong < (name.startsWith('f16') ? halfTolerance : tolerance);
    console.log(
      `  ${name}: ${speeds.join(', ')}${rank === 2 ? `; ${wrong.toExponential(1)}${right ? '' : ' TOO MUCH'}` : ''}`,
    );
  };
  for (const matmul of ['tiles', 'subgroups', 'f16', 'f16-sums']) {
    const backend = backendOf(matmul);
    const status = await backend.probe();
    if (!status.available) {
      console.log(`  ${matmul}: ${status.reason}`);
      continue;
    }
    await backend.activate();
    await print(matmul, 2);
  }
  await print('tfjs’s kernel', 3);
  console.log(`  subgroup matrices, which rnnx does not use: ${await subgroupMatrices()}\n`);
}

interface SubgroupMatrix {
  readonly [field: string]: string | number;
}

/** Those that the GPU offers to Dawn, where its experimental features are let in. */
async function subgroupMatrices(): Promise<string> {
  const dawn = await import('webgpu');
  const gpu = dawn.create(['enable-dawn-features=allow_unsafe_apis']);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  const feature = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;
  if (!adapter?.features.has(feature)) return `the GPU lacks the feature ${feature}`;
  const { subgroupMatrixConfigs = [] } = adapter.info as { subgroupMatrixConfigs?: readonly SubgroupMatrix[] };
  const texts = subgroupMatrixConfigs.map(
    ({ M, N, K, componentType, resultComponentType }) => `${M}x${N}x${K} ${componentType} to ${resultComponentType}`,
  );
  return texts.join(', ') || 'the feature is there, but no kind of matrix';
}

type PyTorch = (spec: Spec, seconds: number) => Promise<number>;

/** PyTorch on the same GPU; `undefined` where there is none, and says so. */
async function startPyTorch(): Promise<PyTorch | undefined> {
  if (options.python === 'none') return undefined;
  const program = new URL('pytorch_gpu.py', import.meta.url).pathname;
  const child = spawn(options.python, [program], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const gone = new Promise<undefined>((resolve) => {
    child.on('error', (error) => {
      complaint = error.message;
      resolve(undefined);
    });
    child.on('exit', () => resolve(undefined));
  });
  const lines = createInterface({ input: child.stdout });
  const next = async () => {
    const answer = await Promise.race([once(lines, 'line'), gone]);
    return answer && (JSON.parse(answer[0] as string) as Record<string, unknown>);
  };
  const hello = await next();
  if (hello === undefined) {
    console.log(`PyTorch: not here (${complaint.trim().split('\n').at(-1)})`);
    return undefined;
  }
  console.log(`PyTorch: ${hello.version}`);
  child.unref();
  return async (spec, seconds) => {
    child.stdin.write(`${JSON.stringify({ spec, seconds })}\n`);
    const answer = await next();
    if (answer === undefined) throw new Error(`PyTorch ended: ${complaint}`);
    return answer.stepsPerSecond as number;
  };
}

async function run(): Promise<void> {
  // The device's clock to the nanosecond.
  process.env.RNNX_WEBGPU_FLAGS ??= 'disable-dawn-features=timestamp_quantization';
  const { adapter, matmul } = options;
  const backendOf = (matmul: string) =>
    new PluginRegistry([webgpu]).create('backend', { name: 'webgpu', matmul, ...(adapter && { adapter }) });
  const gpu = backendOf(matmul);
  const status = await gpu.probe();
  if (!status.available) throw new Error(`${status.reason}\n${status.remedy}`);
  console.log(
    `GPU: ${status.detail}\n\nAgreement with the cpu backend over 20 steps, relative difference of the loss:`,
  );
  let agrees = true;
  for (const variant of options.tiny ? variants : [...variants, ...others]) {
    const { fused, composed } = await agreement(gpu, variant);
    const good = Math.max(fused, composed) < tolerance;
    agrees &&= good;
    console.log(
      `  ${variant}: fused ${fused.toExponential(1)}, composed ${composed.toExponential(1)}${good ? '' : ' TOO MUCH'}`,
    );
  }
  const wrong = await productError();
  const good = wrong < (matmul.startsWith('f16') ? halfTolerance : tolerance);
  agrees &&= good;
  console.log(`  a large product, of itself: ${wrong.toExponential(1)}${good ? '' : ' TOO MUCH'}`);
  if (!agrees) throw new Error('too large a difference: the speed of wrong results means nothing');
  console.log('');
  const pytorch = await startPyTorch();
  const scale = options.tiny ? tiny : full;
  const sizes = options.sizes?.split(',').map(Number) ?? (options.tiny ? scale.sizes : [650, 1500]);
  const seconds = Number(options.seconds);
  await products(backendOf, Math.min(seconds, 2));
  await gpu.activate();
  const chosen = Object.entries(webGpuBackend()!.products).map(([layout, kind]) => `${layout} ${kind}`);
  console.log(`Products of the models: ${chosen.join(', ')}\n`);
  console.log('Two-layer LSTM language models; medians of three rounds, tokens a second:');
  for (const size of sizes) {
    const base = scale.language[size];
    if (base === undefined) throw new Error(`--sizes ${size}: expected some of ${Object.keys(scale.language)}`);
    const tokens = base.steps * base.batch;
    for (const variant of variants) {
      const spec = { ...base, variant };
      const [ours, theirs]: [Measured[], number[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        ours.push(await measure(spec, seconds));
        if (pytorch !== undefined) theirs.push(await pytorch(spec, seconds));
      }
      const speed = median(ours.map(({ stepsPerSecond }) => stepsPerSecond));
      const shares = ours.map(({ onDevice }) => onDevice).filter((share) => share !== undefined);
      const share = shares.length === 0 ? '' : `, the GPU at work ${(100 * median(shares)).toFixed(0)} % of the time`;
      const beside =
        theirs.length === 0
          ? ''
          : `, PyTorch ${(median(theirs) * tokens).toFixed(0)}, ${(speed / median(theirs)).toFixed(2)} times`;
      console.log(
        `  2x${size} ${variant}: ${(speed * tokens).toFixed(0)} (${(1000 / speed).toFixed(2)} ms a step${share})${beside}`,
      );
      if (size === 1500 && variant === 'noisin')
        console.log(
          `    one epoch of noisin-ptb-large, ${epochTokens} tokens: ${(epochTokens / tokens / speed).toFixed(1)} s`,
        );
    }
  }
  process.exit(0); // PyTorch's process may still hold its pipes
}

if (options.help) console.log(usage);
else
  run().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  });
