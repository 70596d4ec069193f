import type { AnyPlugin, Dataset, FrameTask, PluginRef, Split, TrainingEvent } from '@rnnx/core';
import { createRng, createSequenceModel, PluginRegistry, RnnxError, train } from '@rnnx/core';
import fastDropout from '@rnnx/fast-dropout';
import { expect } from 'chai';
import { smallModel, wordTask } from '../support/models.js';
import { company, techniques } from './techniques.js';

const regularizers = techniques.map(([plugin]) => plugin);
const registry = new PluginRegistry([...company.with, ...fastDropout, ...regularizers]);

/** The first valid options of a technique's contract. */
function refOf(plugin: AnyPlugin): PluginRef & object {
  const [, claims] = techniques.find(([known]) => known === plugin)!;
  return { ...claims.valid[0]!.options, name: plugin.name };
}

interface Refused {
  readonly pair: readonly [PluginRef & object, PluginRef & object];
  readonly cell?: string;
  readonly code: string;
  readonly reason: string;
}

/** Pairs that are refused, and why. All others train together. */
const refused: readonly Refused[] = [
  {
    pair: [
      { name: 'noisin', spread: 0.5, evaluation: 'log-probabilities' },
      { name: 'gal-dropout', input: 0.3, recurrent: 0.3, samples: 2 },
    ],
    code: 'RNNX_OPTION_CONFLICT',
    reason: 'one wants log-probabilities averaged over Monte Carlo passes, the other probabilities',
  },
  {
    pair: [
      { name: 'zoneout', hidden: 0.1, cell: 0.5 },
      { name: 'dropout', input: 0.2 },
    ],
    cell: 'gru',
    code: 'RNNX_SITE_UNSUPPORTED',
    reason: 'a GRU has no cell state for zoneout to keep, alone or with another technique',
  },
];

function tokens(count: number, name: string): Split {
  return {
    kind: 'tokens',
    tokens: Int32Array.from(createRng(4).stream(name).uniforms(count), (u) => Math.floor(u * 7)),
  };
}

const language: Dataset = {
  name: 'pairs',
  task: wordTask(7),
  splits: { train: tokens(24, 'train'), valid: tokens(6, 'valid'), test: tokens(6, 'test') },
  notes: [],
};

const frames = (name: string): Split => ({
  kind: 'frames',
  sequences: ['a', 'b', 'c', 'd', 'e', 'f'].map((part) =>
    createRng(4)
      .stream(`${name}/${part}`)
      .uniforms(5 * 3)
      .map((u) => Number(u < 0.4)),
  ),
});
const frameTask: FrameTask = { kind: 'frames', size: 3, likelihood: 'bernoulli', metric: 'nll-per-step' };
const music: Dataset = {
  name: 'pairs',
  task: frameTask,
  splits: { train: frames('train'), valid: frames('valid'), test: frames('test') },
  notes: [],
};

/** Two steps and an evaluation; everything that came of it, as text. */
async function trained(refs: readonly (PluginRef & object)[], cell: string, dataset = language): Promise<string> {
  const model = createSequenceModel({
    config: { ...smallModel, cell, tied: dataset === language },
    task: dataset.task,
    cell: registry.create('cell', cell),
    regularizers: refs.map((ref) => ({ name: ref.name, regularizer: registry.create('regularizer', ref) })),
  });
  const run = {
    model,
    dataset,
    seed: 5,
    evaluation: { batchSize: 1, steps: 5 },
    training: {
      epochs: 1,
      batchSize: 3,
      bptt: 4,
      carryState: true,
      segments: 'streamed',
      lossReduction: 'mean',
      optimizer: { name: 'sgd', learningRate: 0.1 },
      schedule: { name: 'constant' },
      clipNorm: 1,
      patience: null,
      checkpointEvery: null,
      reportEvery: 1,
      track: [],
    },
  } as const;
  const events: TrainingEvent[] = [];
  for await (const event of train(run)) events.push(event);
  const steps = events.filter(({ type }) => type === 'step');
  expect(steps.length, 'steps').to.equal(2);
  const epoch = events.find((event) => event.type === 'epoch')!;
  expect(Number.isFinite(epoch.train.nll) && Number.isFinite(epoch.valid.nll), 'finite').to.equal(true);
  return JSON.stringify([epoch.train.nll, epoch.valid.nll, events.find(({ type }) => type === 'checkpoint')], bytes);
}

function bytes(_: string, value: unknown): unknown {
  return value instanceof Float32Array ? [...value] : value;
}

describe('two regularizers together', () => {
  for (const [i, one] of regularizers.entries())
    for (const other of regularizers.slice(i + 1))
      it(`trains with ${one.name} and ${other.name}, twice to the same bits`, async () => {
        const refs = [refOf(one), refOf(other)];
        const first = await trained(refs, 'lstm');
        expect(await trained(refs, 'lstm')).to.equal(first);
        // Both count: neither alone gives the same weights.
        for (const ref of refs) expect(await trained([ref], 'lstm')).to.not.equal(first);
      });

  for (const { pair, cell = 'lstm', code, reason } of refused)
    it(`refuses ${pair.map(({ name }) => name).join(' and ')}: ${reason}`, async () => {
      let caught: unknown;
      await trained(pair, cell).catch((error: unknown) => {
        caught = error;
      });
      expect(caught).to.be.instanceOf(RnnxError);
      expect((caught as RnnxError).code).to.equal(code);
    });
});

describe('the fast dropout cell with a regularizer', () => {
  for (const plugin of regularizers)
    it(`trains with ${plugin.name}, twice to the same bits`, async () => {
      const first = await trained([refOf(plugin)], 'fast-dropout', music);
      expect(await trained([refOf(plugin)], 'fast-dropout', music)).to.equal(first);
    });
});
