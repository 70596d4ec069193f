import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type ExperimentEvent, evaluateRun, resumeExperiment, runExperiment } from 'rnnx';
import { mnistFolder, type TinyMnist, tinyMnist } from '../support/mnist-files.js';
import { failureOf, rnnxHere, temporaryFolder } from './helpers.js';

/** Zeros and ones that show as dark and bright images. */
function shades(count: number, seed: number): TinyMnist {
  const { images, labels } = tinyMnist(count, seed);
  for (const n of labels.keys()) {
    labels[n] = n % 2;
    for (let i = n * 784; i < (n + 1) * 784; i++) images[i] = (images[i]! >> 2) + (n % 2) * 150;
  }
  return { images, labels };
}

const config = {
  name: 'shades',
  dataset: { name: 'sequential-mnist', side: 4, validation: 10, verify: false },
  model: { hiddenSize: 6, initialState: 'learned' },
  training: {
    epochs: 4,
    batchSize: 8,
    bptt: 16,
    carryState: false,
    optimizer: { name: 'adam', learningRate: 0.1 },
    reportEvery: 2,
  },
  evaluation: { batchSize: 4 },
  backend: 'cpu',
} as const;

async function collect(events: AsyncIterable<ExperimentEvent>): Promise<ExperimentEvent[]> {
  const all: ExperimentEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('rnnx with a classifier', () => {
  const folder = temporaryFolder();
  const write = (train: TinyMnist, test: TinyMnist) => {
    for (const [name, content] of Object.entries(mnistFolder(train, test)))
      writeFileSync(join(folder.path, name), content);
  };
  beforeEach(() => write(shades(50, 1), shades(20, 2)));

  it('trains, shows the error rate, and evaluates to the same score', async () => {
    writeFileSync(
      join(folder.path, 'rnnx.config.json'),
      JSON.stringify({ ...config, training: { ...config.training, epochs: 12 } }),
    );
    const run = await rnnxHere(folder.path, ['run', '--data-dir', '.', '--out', 'out']);
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stderr)
      .to.match(/epoch 12\/12 {2}error % train \S+ valid \d/)
      .and.match(/error % \S+ {2}\S+ steps\/s/);
    expect(run.stdout).to.match(/valid error % +test error %/);
    const stored = JSON.parse(readFileSync(join(folder.path, 'out', 'base-seed-1', 'result.json'), 'utf8'));
    const { metric, errors, count } = stored.scores.test;
    expect(metric).to.be.below(25);
    expect([metric, count]).to.deep.equal([(100 * errors) / 20, 20]);
    const evaluated = await rnnxHere(folder.path, ['eval', 'out', '--data-dir', '.', '--json']);
    expect(JSON.parse(evaluated.stdout).test).to.deep.equal(stored.scores.test);
    const shown = await rnnxHere(folder.path, ['eval', 'out', '--data-dir', '.']);
    expect(shown.stdout)
      .to.match(/split +error % +nats +predictions/)
      .and.match(/test +\S+ +\S+ +20/);
    const text = await rnnxHere(folder.path, ['generate', 'out', '--data-dir', '.']);
    expect(text.stderr).to.match(/Only language models generate text/);
  });

  it('resumes after an abort to the same scores, but not with other labels', async () => {
    const options = { dataDir: folder.path };
    const whole = await collect(runExperiment(config, { ...options, out: { folder: join(folder.path, 'whole') } }));
    const controller = new AbortController();
    const out = join(folder.path, 'broken');
    for await (const event of runExperiment(config, { ...options, signal: controller.signal, out: { folder: out } }))
      if (event.type === 'step' && event.globalStep === 7) controller.abort();
    const swapped = shades(50, 1);
    swapped.labels[3] = 0;
    write(swapped, shades(20, 2));
    const refused = await failureOf(() => collect(resumeExperiment(out, options)));
    expect(refused.code).to.equal('RNNX_CHECKPOINT_MISMATCH');
    write(shades(50, 1), shades(20, 2));
    const rest = await collect(resumeExperiment(out, options));
    const resultOf = (events: ExperimentEvent[]) => events.findLast((event) => event.type === 'result')!;
    const { seconds: _, ...expected } = resultOf(whole).result;
    const { seconds: __, ...found } = resultOf(rest).result;
    expect(found).to.deep.equal(expected);
    expect(await evaluateRun(out, ['test'], options)).to.deep.equal({ test: expected.scores.test });
  });

  it('refuses a back-propagation that does not reach through the sequence, before it trains', async () => {
    const short = { ...config, training: { ...config.training, bptt: 15 } };
    const error = await failureOf(() => collect(runExperiment(short, { dataDir: folder.path })));
    expect(error.code).to.equal('RNNX_OPTION_CONFLICT');
    expect(error.message).to.match(/bptt 15 and a sequence of 16 steps/);
  });
});
