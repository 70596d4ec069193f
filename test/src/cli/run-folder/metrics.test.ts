import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from '@rnnx/core';
import { expect } from 'chai';
import { truncateMetrics } from '../../../../cli/dist/run-folder/metrics.js';
import { temporaryFolder } from '../helpers.js';

const step = (globalStep: number) => JSON.stringify({ type: 'step', epoch: 1, globalStep });
const epoch = (number: number) => JSON.stringify({ type: 'epoch', epoch: number });
const at = (epochs: number, globalStep: number) => ({ epoch: epochs, globalStep }) as Progress;

describe('truncateMetrics', () => {
  const folder = temporaryFolder();
  const path = () => join(folder.path, 'metrics.jsonl');
  const lines = () => readFileSync(path(), 'utf8').split('\n').filter(Boolean);

  it('keeps what the checkpoint knows and drops a line cut off by a kill', async () => {
    writeFileSync(path(), [step(5), step(10), epoch(1), step(15), epoch(2), '{"type":"ste'].join('\n'));
    await truncateMetrics(path(), at(1, 12));
    expect(lines()).to.deep.equal([step(5), step(10), epoch(1)]);
  });

  it('drops the validation of an epoch whose last step the checkpoint has, but not the epoch', async () => {
    writeFileSync(path(), `${step(10)}\n${epoch(1)}\n`);
    await truncateMetrics(path(), at(0, 10));
    expect(lines()).to.deep.equal([step(10)]);
  });

  it('empties the file where there is no checkpoint, and makes none where there was none', async () => {
    await truncateMetrics(path(), undefined);
    expect(existsSync(path())).to.equal(false);
    writeFileSync(path(), `${step(1)}\n`);
    await truncateMetrics(path(), undefined);
    expect(lines()).to.deep.equal([]);
  });
});
