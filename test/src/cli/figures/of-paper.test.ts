import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRng, type ExperimentInput } from '@rnnx/core';
import { expect } from 'chai';
import { runExperiment } from 'rnnx';
import { FigureCache } from '../../../../cli/dist/figures/cache.js';
import { figuresOfPaper } from '../../../../cli/dist/figures/of-paper.js';
import { compareRuns } from '../../../../cli/dist/report/compare.js';
import { figuresOf } from '../../../../cli/dist/report/figures.js';
import type { ReportRow } from '../../../../cli/dist/report/report.js';
import { temporaryFolder } from '../helpers.js';

describe('the figures of recurrent batch normalization', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  it('have lengths with both kinds of statistics, computed once for a checkpoint', async () => {
    const text = Array.from(createRng(1).uniforms(1500), (u) => 'abcde '[Math.floor(6 * u)]).join('');
    const path = join(folder.path, 'text.txt');
    writeFileSync(path, text);
    const input = {
      name: 'small',
      dataset: { name: 'text', path, unit: 'character', validFraction: 0.1, testFraction: 0.4 },
      model: { hiddenSize: 4, cell: 'lstm' },
      training: { epochs: 1, batchSize: 4, bptt: 10, carryState: false },
      backend: 'cpu',
      variants: { plain: {}, normalised: { regularizers: [{ name: 'batch-norm-lstm', maxSteps: 10 }] } },
    } as ExperimentInput;
    for await (const _ of runExperiment(input, { out: { folder: join(folder.path, 'runs') } }));
    const { rows } = await compareRuns([join(folder.path, 'runs')], 'x');
    const cache = new FigureCache(join(folder.path, 'figures'));
    const figures = () => figuresOfPaper('recurrent-batch-normalization', rows, {}, cache);
    const first = await figures();
    expect(first.map(({ id }) => id)).to.deep.equal(['population-statistics', 'tanh-derivative', 'bits-by-length']);
    const [chart] = first.at(-1)!.charts;
    if (chart?.kind !== 'curves') throw new Error('expected curves');
    expect(chart.series.map(({ name, dashed = false, colour }) => [name, dashed, colour])).to.deep.equal([
      ['small: normalised, population statistics', false, 0],
      ['small: normalised, batch statistics', true, 0],
      ['small: plain', false, 1],
    ]);
    const bits = chart.series.map(({ points }) => points.map(([, y]) => y));
    expect(chart.series[0]!.points.map(([x]) => x)).to.deep.equal([50, 100, 200]);
    for (const value of bits.flat()) expect(value).to.be.within(1, 4);
    expect(bits[0]).not.to.deep.equal(bits[1]);

    rmSync(path); // nothing can be computed any more
    expect(await figures()).to.deep.equal(first);
  });

  it('have validation accuracy where the paper counts it', () => {
    const row = (label: string, printed: boolean, steps: readonly (number | null)[]) =>
      ({
        label,
        metric: 'error-rate',
        config: { dataset: 'x', model: { cell: 'lstm', layers: 1, hiddenSize: 1 }, regularizers: [] },
        published: [
          { split: 'test', metric: 'error-rate', value: 1, ...(printed && { printed: { metric: 'accuracy' } }) },
        ],
        runs: [
          {
            data: {
              epochs: steps.map((step, i) => ({ epoch: i + 1, step, valid: { metric: 40 - 10 * i }, scalars: {} })),
            },
          },
        ],
      }) as unknown as ReportRow;
    const accuracy = (...rows: ReportRow[]) => figuresOf(rows).find(({ id }) => id === 'accuracy')?.charts[0];
    const shown = accuracy(row('a', true, [50, 100]), row('b', false, [50]));
    expect(shown).to.deep.include({ x: { name: 'training step', whole: true }, y: { name: 'accuracy %' } });
    expect((shown as { series: unknown }).series).to.deep.equal([
      {
        name: 'a',
        colour: 0,
        points: [
          [50, 60],
          [100, 70],
        ],
      },
    ]);
    expect(accuracy(row('a', true, [null]))).to.deep.include({ x: { name: 'epoch', whole: true } });
    expect(accuracy(row('b', false, [50]))).to.equal(undefined);
  });
});
