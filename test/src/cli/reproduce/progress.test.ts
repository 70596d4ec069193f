import { setTimeout } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import type { ExperimentEvent } from 'rnnx';
import type { Job } from '../../../../cli/dist/reproduce/jobs.js';
import { createTableProgress } from '../../../../cli/dist/reproduce/progress.js';

const job = (name: string, variants = 1, expected: number | null = 100): Job =>
  ({
    id: name,
    seed: 1,
    expected,
    bytes: 1,
    planned: { preset: { name }, rows: Array(variants).fill({}) },
  }) as unknown as Job;

const run = { variant: 'base', seed: 1 };
const start = { type: 'start', run, epochs: 4, metric: 'perplexity', resumedAt: null } as unknown as ExperimentEvent;
const step = (epoch: number, at: number) =>
  ({ type: 'step', run, epoch, step: at, stepsPerEpoch: 10, loss: 1.5, tokensPerSecond: 1234 }) as ExperimentEvent;
const epoch = (n: number) =>
  ({ type: 'epoch', run, epoch: n, valid: { metric: 12.5 }, scalars: {} }) as unknown as ExperimentEvent;

function shown(isTTY: boolean, seconds?: number) {
  const written: string[] = [];
  const stream = { isTTY, columns: 200, rows: 40, write: (text: string) => written.push(text) };
  const progress = createTableProgress(stream as unknown as NodeJS.WriteStream, seconds);
  return {
    progress,
    /** What has come since the last call. */
    text: () => stripVTControlCharacters(written.splice(0).join('')),
  };
}

describe('progress over a table on a terminal', () => {
  it('tells where each row is, for how long, and what is left, from the first moment on', async function () {
    this.timeout(10_000);
    const { progress, text } = shown(true);
    progress.looking('a', 1, 3);
    expect(text()).to.include('looking at row 1 of 3: a');
    progress.plan([job('a'), job('b')], 1);
    progress.started(job('a'), 1);
    progress.event(job('a'), { type: 'plan' } as ExperimentEvent);
    expect(text()).to.match(
      /0 of 2 runs done {2}0:0\d so far {2}about 3:20 left\na seed 1 {2}0:00 {2}loading data {2}about 1:40/,
    );
    await setTimeout(2100);
    expect(text(), 'renewed without an event').to.match(/a seed 1 {2}0:02 {2}loading data {2}about 1:40 left/);
    progress.event(job('a'), start);
    expect(text()).to.match(/a seed 1 {2}0:02 {2}epoch 1\/4 {2}about/);
    await setTimeout(300);
    progress.event(job('a'), step(1, 5));
    // An eighth in 0.3 seconds or a little more.
    expect(text()).to.match(/epoch 1\/4 {2}50 % {2}loss 1\.500 {2}1\.23k tokens\/s {2}about 0:0[2-5] left/);
    progress.event(job('a'), epoch(1));
    expect(text()).to.match(/epoch 1\/4 {2}valid 12\.50 {2}about/);
    progress.event(job('a'), { type: 'scoring', run, split: 'test' });
    expect(text()).to.include('scoring test');
    progress.ended(job('a'), 'finished', '');
    expect(text()).to.match(/a seed 1 {2}finished[\s\S]*1 of 2 runs done/);
    progress.stop();
    text();
    await setTimeout(1100);
    expect(text(), 'after the end').to.equal('');
  });

  it('counts the variants of a row', () => {
    const { progress, text } = shown(true);
    progress.plan([job('v', 2, null)], 1);
    progress.started(job('v', 2), 1);
    progress.event(job('v', 2), start);
    progress.event(job('v', 2), epoch(4));
    progress.event(job('v', 2), { type: 'result', run, earlier: false } as ExperimentEvent);
    progress.event(job('v', 2), start);
    expect(text().trimEnd()).to.match(/epoch 1\/4 {2}about 0:00 left$/);
    progress.stop();
  });
});

describe('progress over a table in a file', () => {
  it('is a line for what happens, and one for the whole as time passes', async () => {
    const { progress, text } = shown(false, 0.2);
    progress.line('a line');
    progress.plan([job('a')], 1);
    progress.started(job('a'), 1);
    progress.event(job('a'), start);
    progress.event(job('a'), step(2, 5));
    expect(text()).to.equal('a line\na seed 1  starts\n');
    await setTimeout(500);
    const lines = text().trim().split('\n');
    expect(lines.length).to.be.within(1, 3);
    expect(lines[0]).to.match(/^0 of 1 runs done .* left {2}\| {2}a seed 1 {2}0:00 {2}epoch 2\/4 {2}50 %.* left$/);
    progress.waits(job('b'), 3e9, 1e9);
    expect(text()).to.equal('b seed 1  waits for memory: about 3.00GB, 1.00GB left by the others\n');
    progress.ended(job('a'), 'failed', 'why\nmore');
    expect(text()).to.equal('a seed 1  failed: why more\n');
    progress.stop();
  });
});
