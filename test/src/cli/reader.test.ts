import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { syntheticQuestions, writeQuestionFiles } from '@rnnx/datasets';
import { expect } from 'chai';
import { type ExperimentEvent, evaluateRun, resumeExperiment, runExperiment } from 'rnnx';
import { failureOf, rnnxHere, temporaryFolder } from './helpers.js';

const texts = {
  seed: 1,
  trainQuestions: 60,
  validQuestions: 10,
  testQuestions: 20,
  entities: 4,
  sentences: 2,
  verbs: 3,
  answerable: 1,
};

const config = {
  name: 'reader',
  dataset: 'cnn-qa',
  model: { hiddenSize: 6, initialState: 'learned' },
  regularizers: ['dropout', { name: 'batch-norm-lstm', attention: true }],
  training: {
    epochs: 2,
    batchSize: 16,
    bptt: 12,
    carryState: false,
    optimizer: { name: 'adam', learningRate: 0.01 },
    reportEvery: 1,
  },
  evaluation: { batchSize: 8 },
  backend: 'cpu',
} as const;

async function collect(events: AsyncIterable<ExperimentEvent>): Promise<ExperimentEvent[]> {
  const all: ExperimentEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('rnnx with a reader', () => {
  const folder = temporaryFolder();
  beforeEach(() => writeQuestionFiles(folder.path, syntheticQuestions(texts)));

  it('trains on question files, and evaluates to the same score', async () => {
    const plain = { ...config, regularizers: [], training: { ...config.training, epochs: 1 } };
    writeFileSync(join(folder.path, 'rnnx.config.json'), JSON.stringify(plain));
    const run = await rnnxHere(folder.path, ['run', '--data-dir', '.', '--out', 'out']);
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stdout).to.match(/valid error % +test error %/);
    const stored = JSON.parse(readFileSync(join(folder.path, 'out', 'base-seed-1', 'result.json'), 'utf8'));
    const { metric, errors, count } = stored.scores.test;
    expect([metric, count]).to.deep.equal([(100 * errors) / 20, 20]);
    const evaluated = await rnnxHere(folder.path, ['eval', 'out', '--data-dir', '.', '--json']);
    expect(JSON.parse(evaluated.stdout).test).to.deep.equal(stored.scores.test);
    const text = await rnnxHere(folder.path, ['generate', 'out', '--data-dir', '.']);
    expect(text.stderr).to.match(/Only language models generate text/);
  });

  it('resumes after an abort to the same scores, but not with another question', async () => {
    const options = { dataDir: folder.path };
    const whole = await collect(runExperiment(config, { ...options, out: { folder: join(folder.path, 'whole') } }));
    const controller = new AbortController();
    const out = join(folder.path, 'broken');
    for await (const event of runExperiment(config, { ...options, signal: controller.signal, out: { folder: out } }))
      if (event.type === 'step' && event.globalStep === 4) controller.abort();
    // The same words, another answer.
    const changed = syntheticQuestions(texts);
    const [first] = changed.train;
    const answer = first!.passage.find((token) => token.startsWith('@entity') && token !== first!.answer)!;
    await writeQuestionFiles(folder.path, { ...changed, train: [{ ...first!, answer }, ...changed.train.slice(1)] });
    const refused = await failureOf(() => collect(resumeExperiment(out, options)));
    expect(refused.code).to.equal('RNNX_CHECKPOINT_MISMATCH');
    await writeQuestionFiles(folder.path, syntheticQuestions(texts));
    const rest = await collect(resumeExperiment(out, options));
    const resultOf = (events: ExperimentEvent[]) => events.findLast((event) => event.type === 'result')!;
    const { seconds: _, ...expected } = resultOf(whole).result;
    const { seconds: __, ...found } = resultOf(rest).result;
    expect(found).to.deep.equal(expected);
    expect(await evaluateRun(out, ['test'], options)).to.deep.equal({ test: expected.scores.test });
  });
});
