import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { webGpuBackend } from '@rnnx/backend-webgpu';
import { type ExperimentInput, fusedKernels } from '@rnnx/core';
import { presets } from '@rnnx/presets';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { resumeExperiment, runExperiment } from 'rnnx';
import { createWebGpu, onWebGpu } from '../../support/webgpu.js';

const quickstart = presets.find(({ name }) => name === 'quickstart')!.config;
const small: ExperimentInput = {
  dataset: 'grammar',
  model: { cell: 'lstm', hiddenSize: 8 },
  training: { epochs: 1, batchSize: 50, bptt: 10, checkpointEvery: 2, reportEvery: 1 },
  evaluation: { batchSize: 50 },
};

async function losses(backend: string, regularizers: ExperimentInput['regularizers'], steps: number) {
  const { variants: _, ...config } = quickstart;
  const training = { ...config.training, reportEvery: 1 };
  const stop = new AbortController();
  const found: number[] = [];
  for await (const event of runExperiment(
    { ...config, training, regularizers: regularizers ?? [], backend },
    { signal: stop.signal },
  )) {
    if (event.type !== 'step') continue;
    found.push(event.loss);
    if (found.length === steps) stop.abort();
  }
  return found.slice(0, steps); // the next ones were under way
}

describe('training on webgpu', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();

  it('has the losses of cpu over 20 steps of quickstart with NOISIN', async () => {
    const noisin = [{ name: 'noisin', distribution: 'gaussian', spread: 1 }];
    const expected = await losses('cpu', noisin, 20);
    const actual = await losses('webgpu', noisin, 20);
    expect(tf.getBackend()).to.equal('webgpu');
    expect(fusedKernels().sequence, 'fused sequences').to.be.a('function');
    expect(expected).to.have.length(20);
    for (const [step, loss] of expected.entries())
      expect(Math.abs(actual[step]! / loss - 1), `step ${step}`).to.be.below(1e-6);
  });

  it('sums more terms than a kernel may bind', async () => {
    const sums = tf.tidy(() => {
      const terms = Array.from({ length: 20 }, (_, i) => tf.fill([300], i));
      return [1, 2, 7, 8, 13, 14, 20].map((count) => tf.addN(terms.slice(0, count)));
    });
    const first = await Promise.all(sums.map(async (sum) => (await sum.data())[299]));
    expect(first).to.deep.equal([0, 1, 21, 28, 78, 91, 190]);
    tf.dispose(sums);
  });

  it('says that a tensor is larger than the device takes, before asking for it', () => {
    const { device } = webGpuBackend()!;
    const most = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    const before = tf.memory().numTensors;
    expect(() => tf.tidy(() => tf.fill([most / 4 + 1], 1)))
      .to.throw(/takes at most/)
      .with.property('code', 'RNNX_OUT_OF_MEMORY');
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('bounds the memory that it keeps for tensors to come', async () => {
    const { bufferManager } = webGpuBackend()!;
    const largest = 12 * 2 ** 20;
    const before = bufferManager.numBytesAllocated; // of tests that ran in this process
    for (let i = 1; i <= 24; i++) {
      const sum = tf.tidy(() => tf.sum(tf.fill([largest / 4 - i * 1024], 1)));
      await sum.data();
      sum.dispose();
    }
    expect(bufferManager.numBytesAllocated).to.be.below(before + 9 * largest);
  });

  it('stops with the last checkpoint whole where the device is lost, and goes on from there', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'rnnx-webgpu-'));
    const folder = join(parent, 'run');
    try {
      const run = async () => {
        for await (const event of runExperiment({ ...small, backend: 'webgpu' }, { out: { folder } }))
          if (event.type === 'step' && event.globalStep === 5) webGpuBackend()!.device.destroy();
      };
      const error = await run().catch((error: unknown) => error);
      expect(error).to.have.property('code', 'RNNX_DEVICE_LOST');
      let resumed: unknown;
      let last = 0;
      for await (const event of resumeExperiment(folder)) {
        if (event.type === 'start') resumed = event.resumedAt;
        if (event.type === 'step') last = event.globalStep;
      }
      expect(resumed).to.deep.equal({ epoch: 0, step: 4 });
      expect(last).to.be.greaterThan(5);
    } finally {
      await rm(parent, { recursive: true });
      await createWebGpu().activate();
    }
  });
});
