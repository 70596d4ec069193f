import { presets } from '@rnnx/presets';
import { expect } from 'chai';
import { Host } from '../../../../cli/dist/host.js';
import { beginArguments, rowCommand } from '../../../../cli/dist/reproduce/arguments.js';
import type { Job } from '../../../../cli/dist/reproduce/jobs.js';
import { planPreset } from '../../../../cli/dist/reproduce/rows.js';
import { drawSettings } from '../../../../cli/dist/reproduce/search.js';

const preset = presets.find(({ name }) => name === 'music-jsb-do')!;

describe('the command line of a row', () => {
  it('names the preset, what differs from it, and reports often enough to tell how it comes on', async () => {
    const host = await Host.open([], {});
    const settings = { seeds: 2, epochs: 5, backend: 'cpu' };
    const planned = planPreset(host, preset, settings);
    const job = { id: 'x', folder: 'out/x', planned, seed: 2, reportEvery: 3 } as Job;
    const changed = ['--preset', 'music-jsb-do', '--set', 'training.epochs=5', '--backend', 'cpu'];
    expect(await beginArguments(job, { ...settings, out: 'out' })).to.deep.equal([
      'run',
      ...changed,
      ...['--set', 'training.reportEvery=3', '--seed', '2', '--out', 'out/x'],
    ]);
    expect(rowCommand(planned, settings)).to.equal(`npx rnnx run ${changed.join(' ')} --seed 1 --seed 2`);
  });

  it('repeats a setting of a search from its row', async () => {
    const host = await Host.open([], {});
    const drawn = drawSettings([preset], 2)[1]!;
    const planned = { ...planPreset(host, drawn.preset, { seeds: 1 }), drawn };
    const sets = drawn.assignments.map((assignment) => `--set ${assignment}`).join(' ');
    expect(rowCommand(planned, { seeds: 1 })).to.equal(`npx rnnx run --preset music-jsb-do ${sets} --seed 1`);
    const job = { id: 'x', folder: 'out/x', planned, seed: 1 } as Job;
    expect((await beginArguments(job, { out: 'out' })).slice(0, 3)).to.deep.equal(['run', '--preset', 'music-jsb-do']);
  });
});
