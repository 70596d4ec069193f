import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { GpuHost } from '../../bench/gpu-host.js';

const program = fileURLToPath(new URL('../../bench/gpu-host.js', import.meta.url));

/** Of a step; what is wanted where nothing is said. */
const most: Readonly<Record<string, number>> = { 'gal-untied': 210 };

describe('a training step of two layers over 35 steps', () => {
  for (const variant of ['plain', 'noisin', 'dropout', 'gal-untied', 'dropconnect-step', 'weight-noise', 'batch-norm'])
    it(`starts at most ${most[variant] ?? 300} kernels and finds its bind groups again: ${variant}`, async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, variant]);
      const { dispatches, submits, bindGroups } = JSON.parse(stdout) as GpuHost;
      expect(dispatches).to.be.within(140, most[variant] ?? 300);
      expect(submits).to.be.below(30);
      expect(bindGroups).to.be.below(10);
    });

  it('starts at most 300 kernels with fast dropout, which carries variances', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'plain', 'fast-dropout']);
    expect((JSON.parse(stdout) as GpuHost).dispatches).to.be.within(140, 300);
  });
});
