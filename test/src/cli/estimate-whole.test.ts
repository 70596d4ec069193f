import cells from '@rnnx/cells';
import { createSequenceModel, type Dataset, PluginRegistry, parseExperiment } from '@rnnx/core';
import datasets from '@rnnx/datasets';
import { expect } from 'chai';
import { estimateRun } from '../../../cli/dist/estimate.js';
import { load } from '../support/datasets.js';

const registry = new PluginRegistry([...cells, ...datasets]);

async function estimated(dataset: Dataset, bptt: number) {
  const config = parseExperiment(registry, {
    name: 'estimate',
    dataset: 'grammar',
    model: { cell: 'lstm', layers: 1, hiddenSize: 100 },
    training: { epochs: 2, batchSize: 50, bptt, carryState: false },
  });
  const cell = registry.create('cell', config.model.cell);
  const model = createSequenceModel({ config: config.model, task: dataset.task, cell, regularizers: [] });
  return estimateRun(model, dataset, config);
}

// Longer than the few steps that a trial of streams takes, and never cut.
describe('the estimate of sequences that are read whole', () => {
  it('is made of cloze questions', async function () {
    this.timeout(20_000);
    const options = { trainQuestions: 100, validQuestions: 50, testQuestions: 50, sentences: 9 };
    const { seconds, parameters } = await estimated(await load({ name: 'synthetic-cloze', ...options }), 50);
    expect(seconds).to.be.above(0);
    expect(parameters).to.be.above(100_000);
  });

  it('is made of labelled sequences', async function () {
    this.timeout(20_000);
    const sequences = Array.from({ length: 50 }, () => new Float32Array(200));
    const split = { kind: 'labelled', sequences, labels: new Int32Array(50) } as const;
    const task = { kind: 'classification', size: 1, classes: ['a', 'b'], metric: 'error-rate' } as const;
    const dataset = { name: 'x', task, splits: { train: split, valid: split, test: split }, notes: ['made here'] };
    expect((await estimated(dataset, 200)).seconds).to.be.above(0);
  });
});
