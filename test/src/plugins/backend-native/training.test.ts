import {
  clipByGlobalNorm,
  createRng,
  enableFusedKernels,
  type ModelConfig,
  type PassOptions,
  type PluginRef,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { useBackend } from '../../support/backend.js';
import { buildModel, tokenBatch } from '../../support/models.js';
import { countFused, onNative } from '../../support/native.js';

const noise: readonly PluginRef[] = [
  { name: 'noisin', spread: 0.3, learned: true },
  { name: 'dropout', input: 0.1, recurrent: 0.2, output: 0.1 },
];

interface Trace {
  readonly losses: number[];
  readonly tensors: number[];
  readonly bytes: number[];
}

/** A run of plain SGD on the current backend: loss and what is held after each update. */
function train(config: Partial<ModelConfig>, updates: number, { rate = 1, steps = 6, batch = 4 } = {}): Trace {
  const model = buildModel({ hiddenSize: 12, ...config }, noise, 11);
  let weights = model.initialize(createRng(1)) as Record<string, tf.Tensor>;
  let state = model.initialState(batch);
  const trace: Trace = { losses: [], tensors: [], bytes: [] };
  for (let update = 0; update < updates; update++) {
    const rng = createRng(2).stream(`${update}`);
    const options: PassOptions = { phase: 'train', copies: 1, average: 'log-probabilities', rng };
    const data = tokenBatch(steps, batch, 11, update % 2);
    const result = model.lossAndGradients(weights, data, state, 1 / (steps * batch), options);
    const { norm, gradients } = clipByGlobalNorm(result.gradients, 1);
    const next = tf.tidy(() =>
      Object.fromEntries(
        Object.entries(weights).map(([name, weight]) => [name, tf.sub(weight, tf.mul(gradients[name]!, rate))]),
      ),
    );
    trace.losses.push(result.loss.dataSync()[0]!);
    const { state: carried, ...rest } = result;
    tf.dispose([norm, gradients, weights, state as never, rest as never]);
    [weights, state] = [next, carried];
    trace.tensors.push(tf.memory().numTensors);
    trace.bytes.push(tf.memory().numBytes);
  }
  tf.dispose([weights, state as never]);
  return trace;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('training on the native backend', () => {
  onNative();

  // Rates at which two roundings of the same run do not part by chaos.
  const cells: readonly (readonly [string, PluginRef, number])[] = [
    ['LSTM', 'lstm', 1],
    ['GRU', 'gru', 1],
    ['GRU with the reset before', { name: 'gru', reset: 'before' }, 1],
    ['RNN', 'rnn', 0.5],
  ];
  for (const [name, cell, rate] of cells)
    it(`follows the cpu backend over 200 updates: ${name}`, async function () {
      this.timeout(60_000);
      const { result: native, sequences, losses } = countFused(() => train({ cell }, 200, { rate }));
      expect([sequences, losses], 'fused runs').to.deep.equal([400, 200]);
      await useBackend('cpu');
      const cpu = train({ cell }, 200, { rate });
      await useBackend('native');
      // It learns, so that following means something.
      expect(mean(cpu.losses.slice(-14))).to.be.below(0.9 * mean(cpu.losses.slice(0, 14)));
      for (const [update, loss] of native.losses.entries())
        expect(Math.abs(loss - cpu.losses[update]!) / cpu.losses[update]!, `update ${update}`).to.be.below(1e-3);
    });

  it('piles up neither tensors nor bytes over 300 updates', () => {
    const before = tf.memory().numTensors;
    const { tensors, bytes } = train({}, 300);
    // The first update still has no gradients of its predecessor around.
    expect(new Set(tensors.slice(1))).to.have.length(1);
    expect(new Set(bytes.slice(1))).to.have.length(1);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('keeps the process flat over 300 updates', function () {
    this.timeout(60_000);
    const run = () => train({ hiddenSize: 64 }, 50, { steps: 20, batch: 16 });
    run();
    const start = process.memoryUsage.rss();
    for (let round = 0; round < 6; round++) run();
    // A pass keeps 3 MB; 300 of them would be 900.
    expect((process.memoryUsage.rss() - start) / 2 ** 20).to.be.below(150);
  });

  it('needs no memory for a backward pass that never comes', () => {
    const model = buildModel({ hiddenSize: 64 }, [], 11);
    const weights = model.initialize(createRng(1));
    const state = model.initialState(16);
    const options: PassOptions = { phase: 'evaluate', copies: 1, average: 'log-probabilities', rng: createRng(2) };
    const before = tf.memory();
    const scored = model.score(weights, tokenBatch(20, 16, 11), state, options);
    enableFusedKernels(false);
    const composed = model.score(weights, tokenBatch(20, 16, 11), state, options);
    enableFusedKernels(true);
    expect(scored.nll.dataSync()[0]! / composed.nll.dataSync()[0]!).to.be.closeTo(1, 1e-5);
    tf.dispose([scored as never, composed as never]);
    expect(tf.memory().numBytes).to.equal(before.numBytes);
    tf.dispose([weights, state as never]);
  });
});
