import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mergeConfig, parseExperiment } from '@rnnx/core';
import { presets } from '@rnnx/presets';
import { expect } from 'chai';
import { runExperiment } from 'rnnx';
import { Host } from '../../../../cli/dist/host.js';
import { compareRuns } from '../../../../cli/dist/report/compare.js';
import { temporaryFolder, tiny } from '../helpers.js';

describe('runs of a preset, compared', () => {
  const folder = temporaryFolder();

  it('tell whether their settings are those of the row beside which they stand', async () => {
    const runs = join(folder.path, 'runs');
    const preset = presets.find(({ name }) => name === 'music-jsb-n')!;
    for await (const _ of runExperiment(tiny, { out: { folder: runs }, preset: preset.name }));
    const labels = async () => (await compareRuns([runs], 'x')).rows.map(({ label, published }) => [label, published]);
    const row = preset.paper!.row;
    expect(await labels()).to.deep.equal([[`${row}, with other settings`, preset.published]]);

    // The configuration of the preset, but for epochs and backend.
    const { registry } = await Host.open([]);
    const kept = mergeConfig(preset.config, { training: { epochs: 3 }, backend: 'cpu' });
    writeFileSync(join(runs, 'base-seed-1', 'config.json'), JSON.stringify(parseExperiment(registry, kept)));
    expect(await labels()).to.deep.equal([[row, preset.published]]);
  });
});
