import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseExperiment } from '@rnnx/core';
import { expect } from 'chai';
import { ExperimentFolder } from '../../../../cli/dist/run-folder/experiment-folder.js';
import { stubRegistry } from '../../core/experiment/fixtures.js';
import { failureOf, temporaryFolder } from '../helpers.js';

describe('ExperimentFolder', () => {
  const folder = temporaryFolder();
  const config = parseExperiment(stubRegistry(), { dataset: 'grammar', name: 'mine' });
  const record = { config, preset: 'quickstart', pluginFolder: '/somewhere', dataDir: null };

  it('keeps what is needed to go on', async () => {
    const path = join(folder.path, 'new', 'deep');
    await ExperimentFolder.create(path, record);
    expect((await ExperimentFolder.open(path)).record).to.deep.equal(record);
  });

  it('takes an empty folder, never one that holds something', async () => {
    const path = join(folder.path, 'there');
    mkdirSync(path);
    await ExperimentFolder.create(path, record);
    const error = await failureOf(() => ExperimentFolder.create(path, { ...record, preset: null }));
    expect(error.code).to.equal('RNNX_RUN_EXISTS');
    expect(error.details.remedy).to.match(/--resume.*--out/);
    expect(JSON.parse(readFileSync(join(path, 'experiment.json'), 'utf8')).preset).to.equal('quickstart');
  });

  it('makes a fresh folder each time, also within one second', async () => {
    const made = await Promise.all([1, 2, 3].map(() => ExperimentFolder.createFresh(folder.path, record)));
    expect(new Set(made.map(({ path }) => path)).size).to.equal(3);
    for (const name of readdirSync(folder.path)) expect(name).to.match(/^mine-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(-\d)?$/);
  });

  it('says that it cannot be written', async () => {
    writeFileSync(join(folder.path, 'file'), 'mine');
    const error = await failureOf(() => ExperimentFolder.create(join(folder.path, 'file', 'runs'), record));
    expect(error.code).to.equal('RNNX_RUN_UNWRITABLE');
    expect(readFileSync(join(folder.path, 'file'), 'utf8')).to.equal('mine');
  });

  // Below /proc, where no folder can be made even by root, Node's recursive mkdir never returns.
  (existsSync('/proc/self') ? it : it.skip)('says so where the file system takes no folder', async () => {
    for (const path of ['/proc/rnnx', '/proc/rnnx/a/b'])
      expect((await failureOf(() => ExperimentFolder.create(path, record))).code).to.equal('RNNX_RUN_UNWRITABLE');
  });

  it('says that there is no experiment, or that its record is damaged', async () => {
    expect((await failureOf(() => ExperimentFolder.open(folder.path))).code).to.equal('RNNX_RUN_MISSING');
    for (const damage of [
      '',
      '{"config": ',
      'null',
      '[]',
      '{}',
      '{"config": 3, "preset": null, "pluginFolder": "x"}',
    ]) {
      writeFileSync(join(folder.path, 'experiment.json'), damage);
      const error = await failureOf(() => ExperimentFolder.open(folder.path));
      expect(error.code, damage).to.equal('RNNX_CONFIG_UNREADABLE');
      expect(error.message).to.include('experiment.json');
    }
  });
});
