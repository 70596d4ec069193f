import { setTimeout } from 'node:timers/promises';
import cells from '@rnnx/cells';
import { createSequenceModel, type ExperimentInput, mergeConfig, PluginRegistry, parseExperiment } from '@rnnx/core';
import datasets from '@rnnx/datasets';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { leastSeconds, trackingSeconds, trialWeights } from '../../../cli/dist/estimate/trial.js';
import { estimateRun, scaledEstimate, sizeOf } from '../../../cli/dist/estimate.js';
import { Host } from '../../../cli/dist/host.js';
import { lookAhead } from '../../../cli/dist/reproduce/look-ahead.js';
import { planPreset } from '../../../cli/dist/reproduce/rows.js';
import { onBackend } from '../support/backend.js';
import { load } from '../support/datasets.js';
import { failureOf } from './helpers.js';
import { Diary, tinyPreset } from './reproduce/tiny-paper.js';

const registry = new PluginRegistry([...cells, ...datasets]);
const grammar = { name: 'grammar', trainTokens: 1200, validTokens: 300, testTokens: 300 };

async function setUp(change: Partial<ExperimentInput> = {}) {
  const base = {
    name: 'x',
    dataset: grammar,
    model: { hiddenSize: 8 },
    training: { epochs: 2, batchSize: 10, bptt: 10 },
  };
  const config = parseExperiment(registry, mergeConfig(base, change));
  const dataset = await load(grammar);
  const cell = registry.create('cell', config.model.cell);
  const model = createSequenceModel({ config: config.model, task: dataset.task, cell, regularizers: [] });
  return { model, dataset, config };
}

describe('the estimate of a run', () => {
  onBackend('cpu');

  it('counts the processor where others keep it busy, and the clock where it works', async () => {
    expect(await leastSeconds(() => setTimeout(60))).to.be.below(0.03);
    const busy = async () => {
      const until = performance.now() + 40;
      while (performance.now() < until);
    };
    expect(await leastSeconds(busy)).to.be.within(0.001, 0.06);
    let runs = 0;
    const slow = async () => {
      runs++;
      await setTimeout(350);
    };
    await leastSeconds(slow);
    expect(runs, 'long work once').to.equal(1);
    await leastSeconds(slow, 2);
    expect(runs).to.equal(3);
  });

  it('tries weights that take no time to make, constants as they are', () => {
    const specs = [
      { name: 'a', shape: [300, 400], init: { name: 'orthogonal', gain: 1 } },
      { name: 'b', shape: [3], init: { name: 'constant', value: 0.1 } },
      { name: 'c', shape: [2, 2], init: { name: 'zeros' } },
      { name: 'd', shape: [5] },
    ] as const;
    const weights = trialWeights({ specs });
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => [...weights[name]!.dataSync()]);
    expect(weights.a!.shape).to.deep.equal([300, 400]);
    expect(Math.min(...a!)).to.be.within(-0.05, -0.049);
    expect(Math.max(...a!)).to.be.within(0.049, 0.05);
    expect(new Set(a).size).to.be.above(4000);
    expect(b!.map((value) => value.toFixed(6))).to.deep.equal(['0.100000', '0.100000', '0.100000']);
    expect(c).to.deep.equal([0, 0, 0, 0]);
    expect(d!.every((value) => value !== 0)).to.equal(true);
    tf.dispose(weights);
  });

  it('has epochs, size and tracking in it, and leaves no tensor', async () => {
    const before = tf.memory().numTensors;
    const { model, dataset, config } = await setUp();
    const { parameters, seconds, bytes } = await estimateRun(model, dataset, config);
    const size = sizeOf(model, dataset, config);
    expect(parameters).to.equal(size.parameters);
    expect(seconds).to.be.above(0);
    expect(bytes).to.be.within(size.leastBytes, 10 * size.leastBytes);
    const [at200, large] = [
      (await setUp({ model: { hiddenSize: 200 } })).model,
      (await setUp({ model: { hiddenSize: 400, layers: 2 } })).model,
    ];
    const one = await trackingSeconds(['spectral-radius'], at200);
    expect(await trackingSeconds(['spectral-radius'], large)).to.be.closeTo(16 * one, 1e-6 * one);
    expect(await trackingSeconds([], large)).to.equal(0);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('can be made from that of another run, by size', async () => {
    const { model, dataset, config } = await setUp();
    const size = sizeOf(model, dataset, config);
    const rows = 1199 * 2 + (300 / 3) * 2 + 300 / 3; // predictions: training whole, scoring a third
    expect(size.flops / size.flopsPerRow).to.be.closeTo(rows, 0.05 * rows);
    const estimate = { seconds: 10, tokensPerSecond: 100, parameters: size.parameters, bytes: size.fixedBytes + 1e6 };
    const like = { size, estimate };
    expect(scaledEstimate(size, like)).to.deep.equal(estimate);
    const longer = await setUp({ training: { epochs: 20 } });
    const ten = scaledEstimate(sizeOf(longer.model, dataset, longer.config), like);
    expect(ten.seconds).to.be.within(90, 100); // one test split in both
    expect(ten.bytes).to.equal(estimate.bytes);
    const wider = await setUp({ model: { hiddenSize: 64 } });
    const wide = scaledEstimate(sizeOf(wider.model, dataset, wider.config), like);
    expect(wide.seconds).to.be.above(20);
    expect(wide.tokensPerSecond * wide.seconds).to.be.closeTo(1000, 1e-6);
    const refused = await failureOf(() => scaledEstimate(size, like, size.fixedBytes));
    expect(refused.code).to.equal('RNNX_OUT_OF_MEMORY');
  });

  it('of the rows of a table measures each kind, and the rest only while there is time', async () => {
    const host = await Host.open([], {});
    const noisin = (spread: number) => [{ name: 'noisin', distribution: 'gaussian', spread }] as const;
    const presets = [
      tinyPreset('plain'),
      tinyPreset('wide', { model: { hiddenSize: 16 } }),
      tinyPreset('noisy', { regularizers: noisin(0.5) }),
      tinyPreset('noisier', { regularizers: noisin(0.7) }),
    ];
    const planned = presets.map((preset) => planPreset(host, preset, { seeds: 1 }));
    const { signal } = new AbortController();
    const { estimates } = await lookAhead(host, planned, signal, new Diary(), 0);
    const [plain, wide, noisy, noisier] = presets.map(({ name }) => estimates.get(name)!);
    expect(noisier).to.deep.equal(noisy);
    expect(noisy!.seconds).not.to.equal(plain!.seconds);
    expect(wide!.tokensPerSecond * wide!.seconds).to.be.closeTo(plain!.tokensPerSecond * plain!.seconds, 1e-6);
    const measured = await lookAhead(host, planned, signal, new Diary(), 60);
    const [a, b] = ['plain', 'wide'].map((name) => measured.estimates.get(name)!);
    expect(b!.tokensPerSecond * b!.seconds).not.to.be.closeTo(a!.tokensPerSecond * a!.seconds, 1e-6);
  });
});
