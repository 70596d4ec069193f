import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { definePlugin } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  type ExperimentEvent,
  type ExperimentInput,
  evaluateRun,
  generateText,
  openTrained,
  type RunResult,
  resumeExperiment,
  runExperiment,
} from 'rnnx';
import { failureOf, temporaryFolder, tiny } from './helpers.js';

async function collect(events: AsyncIterable<ExperimentEvent>): Promise<ExperimentEvent[]> {
  const all: ExperimentEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function resultsOf(events: readonly ExperimentEvent[]): readonly RunResult[] {
  const last = events.at(-1);
  if (last?.type !== 'done') throw new Error(`expected done, got ${last?.type}`);
  return last.results;
}

/** Without what a clock decides. */
const timeless = ({ seconds: _, ...rest }: RunResult) => rest;

const noisy: ExperimentInput = { ...tiny, regularizers: [{ name: 'noisin', spread: 0.5 }] };

describe('runExperiment', () => {
  const folder = temporaryFolder();

  it('tells everything in order, for each variant and seed, and writes nothing unless told where', async () => {
    const variants = { none: {}, noisin: { regularizers: [{ name: 'noisin', spread: 0.5 }], seeds: [1, 2] } };
    const events = await collect(runExperiment({ ...tiny, variants }));
    const kinds = events.map((event) => event.type);
    const oneRun = ['start', 'step', 'epoch', 'checkpoint', 'end', 'scoring', 'result'];
    expect(
      kinds.filter((kind, i) => kind !== kinds[i - 1] && !['step', 'epoch', 'checkpoint'].includes(kind)),
    ).to.deep.equal(['plan', ...[1, 2, 3].flatMap(() => ['start', 'end', 'scoring', 'result']), 'done']);
    expect(new Set(kinds)).to.deep.equal(new Set(['plan', ...oneRun, 'done']));
    const runs = events.flatMap((event) => (event.type === 'start' ? [event.run] : []));
    expect(runs).to.deep.equal([
      { variant: 'none', seed: 1 },
      { variant: 'noisin', seed: 1 },
      { variant: 'noisin', seed: 2 },
    ]);
    const [none, noisin] = resultsOf(events);
    expect(none!.scores.test.count).to.equal(300);
    expect(none!.scores.test.metric).to.be.closeTo(Math.exp(none!.scores.test.nll), 1e-9);
    expect(none!.scores.test.metric).to.be.greaterThan(none!.floor!.value);
    expect(none!.parameters).to.equal(noisin!.parameters);
    expect(none!.scores.test.nll).not.to.equal(noisin!.scores.test.nll);
    expect(existsSync(join(process.cwd(), 'runs', 'tiny'))).to.equal(false);
  });

  it('scores with the weights of the best epoch, not the last', async () => {
    const optimizer = { name: 'momentum', learningRate: 1, momentum: 0.95 } as const;
    const unstable = { ...tiny, training: { ...tiny.training, epochs: 3, optimizer } };
    const events = await collect(runExperiment(unstable));
    const epochs = events.filter((event) => event.type === 'epoch');
    const best = Math.min(...epochs.map(({ valid }) => valid.metric));
    expect(epochs.at(-1)!.valid.metric, 'the last epoch is worse, or this shows nothing').to.be.greaterThan(best);
    const [result] = resultsOf(events);
    expect(result!.scores.valid.metric).to.equal(best);
    expect(epochs[result!.bestEpoch - 1]!.valid.metric).to.equal(best);
  });

  it('gives the same numbers with and without files, and again from the files', async () => {
    const [inMemory] = resultsOf(await collect(runExperiment(noisy)));
    const out = join(folder.path, 'out');
    const [onDisk] = resultsOf(await collect(runExperiment(noisy, { out: { folder: out } })));
    expect(timeless(onDisk!)).to.deep.equal(timeless(inMemory!));
    expect(JSON.parse(readFileSync(join(out, 'base-seed-1', 'result.json'), 'utf8'))).to.deep.equal(onDisk);
    expect(await evaluateRun(out, ['valid', 'test'])).to.deep.equal(onDisk!.scores);
    expect(await evaluateRun(out, ['test'], { evaluation: { steps: 7 } })).to.have.nested.property(
      'test.count',
      onDisk!.scores.test.count,
    );
  });

  it('writes the files that docs/run-folder.md describes', async () => {
    const out = join(folder.path, 'out');
    const events = await collect(runExperiment(noisy, { out: { folder: out }, preset: 'quickstart' }));
    const run = join(out, 'base-seed-1');
    expect(readdirSync(out).sort()).to.deep.equal(['base-seed-1', 'experiment.json']);
    const files = readdirSync(run).map((name) => name.replace(/^events\.out\.tfevents\..*/, 'events'));
    expect(files.sort()).to.deep.equal([
      'checkpoints',
      'config.json',
      'environment.json',
      'events',
      'metrics.jsonl',
      'result.json',
    ]);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const reported = events.filter((event) => event.type === 'step' || event.type === 'epoch');
    expect(lines.map(({ time: _, ...line }) => line)).to.deep.equal(reported.map(({ run: _, ...event }) => event));
    const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    expect(config.regularizers[0]).to.include({ name: 'noisin', spread: 0.5, injection: 'multiplicative' });
    const environment = JSON.parse(readFileSync(join(run, 'environment.json'), 'utf8'));
    expect(environment.sessions[0]).to.deep.include({ node: process.version, backend: 'cpu' });
    expect(environment.dataset).to.deep.include({ name: 'grammar' });
    expect(environment.dataset.splits).to.match(/^[0-9a-f]{64}$/);
    expect(environment.sessions[0].packages).to.have.property('@tensorflow/tfjs', '4.22.0');
  });

  it('frees every tensor, also where its reader stops early', async () => {
    await collect(runExperiment(tiny));
    const before = tf.memory().numTensors;
    await collect(runExperiment(noisy));
    expect(tf.memory().numTensors).to.equal(before);
    for await (const event of runExperiment(noisy)) if (event.type === 'step') break;
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('takes plugins as objects', async () => {
    const halve = definePlugin({
      kind: 'regularizer',
      name: 'halve',
      summary: 'Halves what goes up.',
      core: '^0.1.0',
      paper: null,
      schema: { type: 'object', additionalProperties: false, properties: {} },
      create: () => ({ perturb: () => [{ site: 'output', layer: 0, kind: 'scale', value: tf.scalar(0.5) }] }),
    });
    const [plain] = resultsOf(await collect(runExperiment(tiny)));
    const [halved] = resultsOf(
      await collect(runExperiment({ ...tiny, regularizers: ['halve'] }, { plugins: [halve] })),
    );
    expect(halved!.scores.test.nll).not.to.equal(plain!.scores.test.nll);
  });

  it('refuses a configuration that is none, and one whose plugins are no list', async () => {
    for (const input of [undefined, null, 7, { ...tiny, plugins: 'x' }])
      expect((await failureOf(() => collect(runExperiment(input as never)))).code).to.equal('RNNX_CONFIG_INVALID');
  });

  it('refuses a model that no memory holds before allocating it', async () => {
    const huge = { ...tiny, model: { hiddenSize: 1e9 } };
    const error = await failureOf(() => collect(runExperiment(huge)));
    expect(error.code).to.equal('RNNX_OUT_OF_MEMORY');
    expect(error.details.remedy).to.include('model.hiddenSize');
  });

  it('never writes over what is there', async () => {
    writeFileSync(join(folder.path, 'mine.txt'), 'mine');
    const error = await failureOf(() => collect(runExperiment(tiny, { out: { folder: folder.path } })));
    expect(error.code).to.equal('RNNX_RUN_EXISTS');
    expect(readdirSync(folder.path)).to.deep.equal(['mine.txt']);
  });
});

describe('stopping and going on', () => {
  const folder = temporaryFolder();
  const variants = { none: { regularizers: [] }, noisin: {} };
  const training = { ...tiny.training, checkpointEvery: 5, reportEvery: 1 };
  const experiment = { ...noisy, training, variants } as ExperimentInput;
  const weights = (path: string, name: string) => readFileSync(join(path, 'checkpoints', `${name}.safetensors`));

  /** Stops at a step of a variant by the signal. */
  async function stopAt(out: string, variant: string, globalStep: number): Promise<ExperimentEvent[]> {
    const controller = new AbortController();
    const events: ExperimentEvent[] = [];
    for await (const event of runExperiment(experiment, { out: { folder: out }, signal: controller.signal })) {
      events.push(event);
      if (event.type === 'step' && event.run.variant === variant && event.globalStep === globalStep) controller.abort();
    }
    return events;
  }

  it('ends with a checkpoint and goes on to the same bits, metrics and results', async () => {
    const [whole, cut] = [join(folder.path, 'whole'), join(folder.path, 'cut')];
    const expected = resultsOf(await collect(runExperiment(experiment, { out: { folder: whole } })));
    const stopped = await stopAt(cut, 'noisin', 17);
    expect(stopped.at(-1)).to.deep.include({ type: 'done', aborted: true });
    expect(resultsOf(stopped).map(({ variant }) => variant)).to.deep.equal(['none']);
    expect(existsSync(join(cut, 'noisin-seed-1', 'result.json'))).to.equal(false);

    const resumed = await collect(resumeExperiment(cut));
    expect(resultsOf(resumed).map(timeless)).to.deep.equal(expected.map(timeless));
    const starts = resumed.filter((event) => event.type === 'start');
    expect(starts.map(({ run, resumedAt }) => [run.variant, resumedAt])).to.deep.equal([
      ['noisin', { epoch: 1, step: 17 - 12 }],
    ]);
    const earlier = resumed.flatMap((event) => (event.type === 'result' ? [event.earlier] : []));
    expect(earlier).to.deep.equal([true, false]);
    for (const name of ['last', 'best'])
      expect(weights(join(cut, 'noisin-seed-1'), name).equals(weights(join(whole, 'noisin-seed-1'), name))).to.equal(
        true,
      );
    const metrics = (out: string) =>
      readFileSync(join(out, 'noisin-seed-1', 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ time: _, tokensPerSecond: __, seconds: ___, ...rest }) => rest);
    expect(metrics(cut)).to.deep.equal(metrics(whole));
    const { sessions } = JSON.parse(readFileSync(join(cut, 'noisin-seed-1', 'environment.json'), 'utf8'));
    expect(sessions).to.have.length(2);
  });

  it('goes on with one run alone, by its own folder', async () => {
    const out = join(folder.path, 'cut');
    await stopAt(out, 'none', 3);
    const resumed = await collect(resumeExperiment(join(out, 'none-seed-1')));
    expect(resultsOf(resumed).map(({ variant }) => variant)).to.deep.equal(['none']);
    expect(existsSync(join(out, 'noisin-seed-1'))).to.equal(false);
  });

  it('stops between runs and before the first', async () => {
    const events = await collect(runExperiment(experiment, { signal: AbortSignal.abort() }));
    expect(events.map(({ type }) => type)).to.deep.equal(['plan', 'done']);
    expect(events.at(-1)).to.deep.include({ aborted: true });
  });

  it('refuses records that are damaged', async () => {
    const out = join(folder.path, 'cut');
    await stopAt(out, 'none', 3);
    for (const name of ['environment.json', 'result.json']) {
      const path = join(out, 'none-seed-1', name);
      const before = existsSync(path) ? readFileSync(path) : undefined;
      writeFileSync(path, '{}');
      const error = await failureOf(() => collect(resumeExperiment(out)));
      expect(error.code).to.equal('RNNX_CONFIG_UNREADABLE');
      expect(error.message).to.include(path);
      if (before !== undefined) writeFileSync(path, before);
    }
  });

  it('remembers the data folder, and refuses other data under the same name', async () => {
    const write = (data: string, words: readonly string[]) => {
      mkdirSync(join(folder.path, data));
      for (const split of ['train', 'valid', 'test'])
        writeFileSync(
          join(folder.path, data, `${split}.txt`),
          `${words.join(' ')}\n`.repeat(split === 'train' ? 80 : 20),
        );
    };
    write('data', ['one', 'two', 'three']);
    write('reordered', ['one', 'three', 'two']);
    write('reworded', ['one', 'two', 'four']);
    const out = join(folder.path, 'cut');
    const controller = new AbortController();
    const options = { out: { folder: out }, dataDir: join(folder.path, 'data'), signal: controller.signal };
    for await (const event of runExperiment({ ...tiny, dataset: 'text', training }, options))
      if (event.type === 'epoch') controller.abort();

    for (const other of ['reordered', 'reworded']) {
      const dataDir = join(folder.path, other);
      const error = await failureOf(() => collect(resumeExperiment(out, { dataDir })));
      expect(error.code).to.equal('RNNX_CHECKPOINT_MISMATCH');
      expect(error.details.got).to.include('vocabulary').and.to.include(other);
      expect((await failureOf(() => evaluateRun(out, ['test'], { dataDir }))).code).to.equal(
        'RNNX_CHECKPOINT_MISMATCH',
      );
    }
    // The same vocabulary, another text: good for evaluation, not for going on.
    writeFileSync(join(folder.path, 'data', 'test.txt'), 'one two two three\n'.repeat(20));
    expect((await failureOf(() => collect(resumeExperiment(out)))).details.got).to.include('tokens');
    expect((await evaluateRun(out, ['test'])).test!.count).to.equal(100);
    writeFileSync(join(folder.path, 'data', 'test.txt'), 'one two three\n'.repeat(20));
    expect(resultsOf(await collect(resumeExperiment(out)))).to.have.length(1);
  });

  it('refuses a folder without a run, and a damaged checkpoint', async () => {
    expect((await failureOf(() => collect(resumeExperiment(folder.path)))).code).to.equal('RNNX_RUN_MISSING');
    const out = join(folder.path, 'cut');
    await stopAt(out, 'none', 7);
    const path = join(out, 'none-seed-1', 'checkpoints', 'last.safetensors');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length / 2));
    const error = await failureOf(() => collect(resumeExperiment(out)));
    expect(error.code).to.equal('RNNX_CHECKPOINT_CORRUPT');
    expect(error.message).to.include(path);
    expect(readFileSync(path).length, 'the damaged file is left for the user').to.equal(Math.floor(bytes.length / 2));
  });
});

describe('a trained run', () => {
  const folder = temporaryFolder();
  let run: string;
  beforeEach(async () => {
    const out = join(folder.path, 'out');
    await collect(runExperiment(noisy, { out: { folder: out } }));
    run = join(out, 'base-seed-1');
  });

  it('generates text: the prompt first, the same for the same seed', async () => {
    const options = { prompt: 'the', length: 12, temperature: 1 };
    const sample = async (seed: number) => {
      const pieces: string[] = [];
      for await (const piece of generateText(run, { ...options, seed })) pieces.push(piece);
      return pieces.join('');
    };
    const text = await sample(3);
    expect(text).to.match(/^the\s/);
    expect(await sample(3)).to.equal(text);
    expect(await sample(4)).not.to.equal(text);
  });

  it('evaluates with another Monte Carlo setting than it was trained with', async () => {
    const mean = await evaluateRun(run, ['test']);
    const regularizers = [{ name: 'noisin', spread: 0.5, evaluation: 'probabilities', evaluationSamples: 3 }];
    const averaged = await evaluateRun(run, ['test'], { regularizers });
    expect(averaged.test!.nll).not.to.equal(mean.test!.nll);
    expect(averaged.test!.nll).to.be.closeTo(mean.test!.nll, 0.5);
  });

  it('frees its tensors', async () => {
    const before = tf.memory().numTensors;
    const trained = await openTrained(run);
    expect(tf.memory().numTensors).to.be.greaterThan(before);
    await trained.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('says what is missing or does not fit', async () => {
    expect((await failureOf(() => openTrained(folder.path))).code).to.equal('RNNX_RUN_MISSING');
    const learned = [{ name: 'noisin', spread: 0.5, learned: true }];
    const misfit = await failureOf(() => openTrained(run, { regularizers: learned }));
    expect(misfit.code).to.equal('RNNX_CHECKPOINT_MISMATCH');
    expect(misfit.message).to.include('rho-0');
    rmSync(join(run, 'checkpoints', 'best.safetensors'));
    expect((await failureOf(() => openTrained(run))).code).to.equal('RNNX_CHECKPOINT_MISSING');
    const last = await openTrained(run, { checkpoint: 'last' });
    await last.dispose();
  });
});
