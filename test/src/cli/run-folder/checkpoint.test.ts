import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Progress, Snapshot } from '@rnnx/core';
import { expect } from 'chai';
import {
  checkpointPath,
  findCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from '../../../../cli/dist/run-folder/checkpoint.js';
import { encodeSafetensors } from '../../../../cli/dist/run-folder/safetensors.js';
import { failureOf, temporaryFolder } from '../helpers.js';

const progress: Progress = {
  seed: 2 ** 53 - 1,
  epoch: 2,
  step: 3,
  globalStep: 23,
  learningRate: 0.1 + 0.2,
  history: [Number.POSITIVE_INFINITY, 1 / 3],
  bestEpoch: 2,
  epochNll: 1e-17,
  epochCount: 60,
  epochErrors: 0,
  averagingSince: null,
};
const snapshot: Snapshot = {
  tensors: { 'parameters/output/bias': { shape: [2], data: Float32Array.of(0.1, -0) } },
  progress,
};

describe('checkpoints', () => {
  const folder = temporaryFolder();
  beforeEach(() => mkdirSync(join(folder.path, 'checkpoints')));

  it('give back tensors and progress to the bit, infinite metrics included', async () => {
    await writeCheckpoint(folder.path, 'last', snapshot);
    const back = await readCheckpoint(folder.path, 'last');
    expect(back).to.deep.equal(snapshot);
    expect(Object.is(back.tensors['parameters/output/bias']!.data[1], -0)).to.equal(true);
  });

  it('from before errors were counted have none', async () => {
    const { epochErrors: _, ...old } = { ...progress, history: [] };
    const metadata = { format: 'rnnx-checkpoint/1', progress: JSON.stringify(old) };
    writeFileSync(checkpointPath(folder.path, 'last'), encodeSafetensors({ tensors: {}, metadata }));
    expect((await readCheckpoint(folder.path, 'last')).progress.epochErrors).to.equal(0);
  });

  it('replace the earlier one and leave nothing else behind', async () => {
    await writeCheckpoint(folder.path, 'last', snapshot);
    await writeCheckpoint(folder.path, 'last', { ...snapshot, progress: { ...progress, step: 4 } });
    expect((await readCheckpoint(folder.path, 'last')).progress.step).to.equal(4);
    expect(readdirSync(join(folder.path, 'checkpoints'))).to.deep.equal(['last.safetensors']);
  });

  it('say that there is none yet', async () => {
    expect(await findCheckpoint(folder.path, 'best')).to.equal(undefined);
    const error = await failureOf(() => readCheckpoint(folder.path, 'best'));
    expect(error.code).to.equal('RNNX_CHECKPOINT_MISSING');
    expect(error.details.remedy).to.include('--resume');
  });

  it('say that they cannot be written, and leave what was there', async () => {
    const file = join(folder.path, 'a-file');
    writeFileSync(file, 'mine');
    const error = await failureOf(() => writeCheckpoint(file, 'last', snapshot));
    expect(error.code).to.equal('RNNX_RUN_UNWRITABLE');
    expect(error.message).to.include(dirname(checkpointPath(file, 'last')));
    expect(readFileSync(file, 'utf8')).to.equal('mine');
  });

  const damaged: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ['another format', { format: 'other/1', progress: '{}' }, /format "other\/1"/],
    ['no metadata', {}, /format/],
    ['no progress', { format: 'rnnx-checkpoint/1' }, /not JSON/],
    [
      'a wrong counter',
      { format: 'rnnx-checkpoint/1', progress: JSON.stringify({ ...progress, history: [], step: -1 }) },
      /step -1/,
    ],
    [
      'a wrong history',
      { format: 'rnnx-checkpoint/1', progress: JSON.stringify({ ...progress, history: ['x'] }) },
      /history/,
    ],
    [
      'a wrong rate',
      { format: 'rnnx-checkpoint/1', progress: JSON.stringify({ ...progress, history: [], learningRate: null }) },
      /learningRate null/,
    ],
    [
      'a wrong count of errors',
      { format: 'rnnx-checkpoint/1', progress: JSON.stringify({ ...progress, history: [], epochErrors: 'few' }) },
      /epochErrors "few"/,
    ],
  ];
  for (const [what, metadata, got] of damaged)
    it(`refuse ${what}`, async () => {
      writeFileSync(checkpointPath(folder.path, 'last'), encodeSafetensors({ tensors: {}, metadata }));
      const error = await failureOf(() => readCheckpoint(folder.path, 'last'));
      expect(error.code).to.equal('RNNX_CHECKPOINT_CORRUPT');
      expect(error.details.got).to.match(got);
    });
});
