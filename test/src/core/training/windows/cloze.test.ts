import batchNorm from '@rnnx/batch-norm-lstm';
import cells from '@rnnx/cells';
import {
  type ClozeExample,
  type ClozeSplit,
  type ClozeTask,
  createRng,
  createSequenceModel,
  evaluationWindows,
  PluginRegistry,
  parseExperiment,
  relabelEntities,
  type Snapshot,
  type TrainingEvent,
  train,
  trainingWindows,
} from '@rnnx/core';
import datasets from '@rnnx/datasets';
import { expect } from 'chai';
import { clozeTask } from '../../../support/cloze.js';
import { load } from '../../../support/datasets.js';
import { refusal } from '../../../support/errors.js';
import { onNative } from '../../../support/native.js';

const task: ClozeTask = clozeTask({ vocabulary: 10, answers: 4 });
const example = (passage: number[], question: number[], answer: number): ClozeExample => ({
  passage: Int32Array.from(passage),
  question: Int32Array.from(question),
  answer,
});
// Tokens 6 to 9 are the entities; the first token tells the examples apart.
const examples = [
  example([0, 6, 7], [1, 7], 6),
  example([1, 8], [2, 3, 8], 8),
  example([2, 9, 9, 6, 5], [1], 9),
  example([3, 7], [4, 4], 7),
  example([4, 6, 8, 7], [1, 6], 8),
];
const split: ClozeSplit = { kind: 'cloze', examples };
const options = { batchSize: 2, bptt: 5, carryState: false };
const order = (epoch: number) => createRng(1).stream('order').stream(`epoch-${epoch}`);

/** The examples that a plan visits, told by the first token of their passages. */
function visited(plan: ReturnType<typeof trainingWindows<ClozeSplit>>): number[] {
  return Array.from({ length: plan.length }, (_, i) => plan.at(i)).flatMap(({ batch }) => [
    ...batch.inputs.subarray(0, batch.batch),
  ]);
}

describe('minibatches of cloze questions', () => {
  it('stand side by side, padded at their end, with the place of the answer', () => {
    const { batch, fresh, count, read } = evaluationWindows(split, task, { batchSize: 2, steps: 1 }).at(0);
    expect(batch).to.deep.equal({
      kind: 'cloze',
      batch: 2,
      steps: 3,
      inputs: Int32Array.of(0, 1, 6, 8, 7, 0),
      mask: Float32Array.of(1, 1, 1, 1, 1, 0),
      question: { steps: 3, inputs: Int32Array.of(1, 2, 7, 3, 0, 8), mask: Float32Array.of(1, 1, 1, 1, 0, 1) },
      answers: Int32Array.of(0, 2),
    });
    expect({ fresh, count, read }).to.deep.equal({ fresh: true, count: 2, read: 10 });
  });

  it('have no mask where nothing is padded', () => {
    const { batch } = evaluationWindows(split, task, { batchSize: 1, steps: 1 }).at(3);
    expect([batch.mask, batch.question.mask]).to.deep.equal([null, null]);
  });

  it('of an evaluation are all questions once, in order', () => {
    const plan = evaluationWindows(split, task, { batchSize: 2, steps: 1 });
    expect(visited(plan)).to.deep.equal([0, 1, 2, 3, 4]);
    expect(plan.at(2).batch.batch).to.equal(1);
  });

  it('of training are all questions once, in another order each epoch', () => {
    const orders = [1, 2, 3].map((epoch) => visited(trainingWindows(split, task, options, order(epoch))));
    for (const found of orders) expect([...found].sort()).to.deep.equal([0, 1, 2, 3, 4]);
    expect(new Set(orders.map(String)).size).to.be.above(1);
    expect(visited(trainingWindows(split, task, options, order(1)))).to.deep.equal(orders[0]);
    expect(visited(trainingWindows(split, task, { ...options, dropLast: true }, order(1)))).to.have.length(4);
  });

  it('are drawn with replacement where the split says so', () => {
    const many = Array.from({ length: 200 }, () => examples).flat();
    const drawn = { kind: 'cloze', examples: many, withReplacement: true } as const;
    const found = visited(trainingWindows(drawn, task, { ...options, batchSize: 1000 }, order(1)));
    expect(found).to.have.length(1000);
    for (const n of [0, 1, 2, 3, 4]) {
      const count = found.filter((token) => token === n).length;
      // Each once would be 200 exactly; 200 draws in expectation, standard deviation 12.6.
      expect(count).to.be.within(137, 263);
    }
    expect(new Set([0, 1, 2, 3, 4].map((n) => found.filter((token) => token === n).length)).size).to.be.above(1);
  });

  it('get other markers in every epoch where the split says so, the same within one', () => {
    const shuffled = { ...split, shuffleEntities: true };
    const passes = [1, 1, 2].map((epoch) => trainingWindows(shuffled, task, options, order(epoch)).at(0).batch);
    expect(passes[1]).to.deep.equal(passes[0]);
    const [one, , other] = passes;
    expect([one!.inputs, one!.answers]).not.to.deep.equal([other!.inputs, other!.answers]);
    const held = evaluationWindows(shuffled, task, { batchSize: 5, steps: 1 });
    expect(held.at(0)).to.deep.equal(evaluationWindows(split, task, { batchSize: 5, steps: 1 }).at(0));
  });

  describe('refuse', () => {
    it('a bptt shorter than the longest passage', () => {
      const error = refusal('RNNX_OPTION_CONFLICT', () =>
        trainingWindows(split, task, { ...options, bptt: 4 }, order(1)),
      );
      expect(error.details.expected).to.equal('at least 5');
    });

    it('segments of tokens', () => {
      const segments = { ...options, segments: 'shuffled' } as const;
      refusal('RNNX_OPTION_CONFLICT', () => trainingWindows(split, task, segments, order(1)));
    });

    it('a split of another kind than the task', () => {
      const frames = { kind: 'frames', size: 2, likelihood: 'gaussian', metric: 'nll-per-step' } as const;
      refusal('RNNX_SHAPE_MISMATCH', () => trainingWindows(split, frames, options, order(1)));
      const tokens = { kind: 'tokens', tokens: new Int32Array(9) } as const;
      refusal('RNNX_SHAPE_MISMATCH', () => evaluationWindows(tokens, task, { batchSize: 1, steps: 1 }));
    });

    it('a split without questions', () => {
      const empty = { kind: 'cloze', examples: [] } as const;
      refusal('RNNX_DATA_TOO_SMALL', () => evaluationWindows(empty, task, { batchSize: 1, steps: 1 }));
    });

    const bad: [string, ClozeExample][] = [
      ['an empty passage', example([], [1], 6)],
      ['an empty question', example([1], [], 6)],
      ['a token outside the vocabulary', example([1, 10], [1], 6)],
      ['a negative token', example([1], [-1], 6)],
      ['an answer that is none', example([1], [1], 5)],
    ];
    for (const [what, wrong] of bad)
      it(what, () => {
        const examples = [...split.examples, wrong];
        const error = refusal('RNNX_SHAPE_MISMATCH', () =>
          trainingWindows({ ...split, examples }, task, options, order(1)),
        );
        expect(error.message).to.contain('Question 5 of the split "train"');
      });
  });
});

describe('other markers for entities', () => {
  it('are drawn uniformly, without repetition, and nothing else changes', () => {
    const from = example([0, 6, 7, 6, 5], [7, 1, 8], 6);
    const counts = new Map<string, number>();
    for (let n = 0; n < 2400; n++) {
      const { passage, question, answer } = relabelEntities(from, task, createRng(9).stream(String(n)));
      expect([passage[0], passage[4], question[1]]).to.deep.equal([0, 5, 1]);
      const [a, b, c] = [passage[1]!, passage[2]!, question[2]!];
      expect([passage[3], question[0], answer]).to.deep.equal([a, b, a]);
      expect(new Set([a, b, c]).size).to.equal(3);
      for (const marker of [a, b, c]) expect(marker).to.be.within(6, 9);
      counts.set(`${a}${b}${c}`, (counts.get(`${a}${b}${c}`) ?? 0) + 1);
    }
    // 24 ordered choices of three out of four: 100 each, standard deviation 9.8.
    expect(counts.size).to.equal(24);
    for (const count of counts.values()) expect(count).to.be.within(51, 149);
  });
});

const registry = new PluginRegistry([...cells, ...datasets, ...batchNorm]);

interface Setting {
  readonly dataset: object;
  readonly epochs: number;
  readonly regularizers?: readonly (string | { name: string })[];
  readonly resume?: Snapshot;
}

async function trained({ dataset: data, epochs, regularizers = [], resume }: Setting): Promise<TrainingEvent[]> {
  const config = parseExperiment(registry, {
    name: 'reader',
    dataset: { name: 'synthetic-cloze', ...data },
    model: { cell: 'lstm', layers: 1, hiddenSize: 32 },
    regularizers,
    training: {
      epochs,
      batchSize: 32,
      bptt: 20,
      carryState: false,
      optimizer: { name: 'adam', learningRate: 0.005 },
      clipNorm: 10,
      checkpointEvery: 2,
    },
    evaluation: { batchSize: 100 },
  });
  const dataset = await load(config.dataset);
  const model = createSequenceModel({
    config: config.model,
    task: dataset.task,
    cell: registry.create('cell', config.model.cell),
    regularizers: config.regularizers.map((ref) => ({
      name: typeof ref === 'string' ? ref : ref.name,
      regularizer: registry.create('regularizer', ref),
    })),
  });
  const { training, evaluation } = config;
  const events: TrainingEvent[] = [];
  for await (const event of train({ model, dataset, training, evaluation, seed: 1 }, resume && { resume }))
    events.push(event);
  return events;
}

describe('training the Attentive Reader', () => {
  onNative();

  it('comes near the best error rate on synthetic questions, far below what naive answers reach', async function () {
    this.timeout(60_000);
    const events = await trained({ dataset: { sentences: 2, validQuestions: 300, testQuestions: 1 }, epochs: 6 });
    const errors = events.flatMap((event) => (event.type === 'epoch' ? [event.valid.metric] : []));
    expect(errors[0]).to.be.above(20);
    // The first entity of the passage is right in about 55 %.
    expect(Math.min(...errors)).to.be.below(12);
  });

  it('goes on from any step to the bits of an uninterrupted run, markers and draws included', async function () {
    this.timeout(60_000);
    const dataset = { trainQuestions: 120, validQuestions: 20, testQuestions: 1, withReplacement: true };
    const regularizers = [{ name: 'batch-norm-lstm', attention: true }];
    const whole = await trained({ dataset, epochs: 2, regularizers });
    const snapshots = whole.flatMap((event) => (event.type === 'checkpoint' && !event.best ? [event.snapshot] : []));
    const final = snapshots.at(-1)!;
    expect(snapshots.map(({ progress }) => progress.step))
      .to.include(3)
      .and.to.include(2);
    for (const resume of snapshots.slice(0, -1)) {
      const rest = await trained({ dataset, epochs: 2, regularizers, resume });
      const last = rest.flatMap((event) => (event.type === 'checkpoint' ? [event.snapshot] : [])).at(-1)!;
      expect(last.progress).to.deep.equal(final.progress);
      for (const [name, { data }] of Object.entries(final.tensors))
        expect([...last.tensors[name]!.data], name).to.deep.equal([...data]);
    }
  });
});
