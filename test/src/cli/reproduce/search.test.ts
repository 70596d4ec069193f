import { createRng } from '@rnnx/core';
import { type Preset, presets } from '@rnnx/presets';
import { expect } from 'chai';
import type { Curves } from '../../../../cli/dist/report/chart.js';
import { figuresOf } from '../../../../cli/dist/report/figures.js';
import { renderHtml } from '../../../../cli/dist/report/html.js';
import { renderMarkdown } from '../../../../cli/dist/report/markdown.js';
import { numbersIn } from '../../../../cli/dist/report/numbers.js';
import type { ReportRow } from '../../../../cli/dist/report/report.js';
import { bestFirst, binned } from '../../../../cli/dist/report/search.js';
import { drawSettings } from '../../../../cli/dist/reproduce/search.js';
import { resultTables } from '../../../../cli/dist/terminal/report.js';
import { failureOf, temporaryFolder } from '../helpers.js';
import { Diary, reproduceTiny, tinyPreset } from './tiny-paper.js';

const music = (pattern: RegExp) => presets.filter(({ name }) => pattern.test(name));
const noisin = (spread: number) => [{ name: 'noisin', distribution: 'gaussian', spread }] as const;
const searched: Preset = {
  ...tinyPreset('noisy', { regularizers: noisin(0.5), training: { epochs: 1, batchSize: 10, bptt: 10 } }),
  search: [
    { name: 'σ', paths: ['regularizers.0.spread'], from: 0.1, to: 1, scale: 'linear' },
    { name: 'width', paths: ['model.hiddenSize'], values: [4, 8] },
  ],
};

describe('a random search over the ranges of a paper', () => {
  it('draws each setting from its range, the same ones every time, a longer search after a shorter one', () => {
    const chosen = music(/^music-(jsb|muse-data)-/);
    const drawn = drawSettings(chosen, 60);
    expect(drawn).to.have.length(60 * 18); // all but fast dropout
    expect(drawSettings(chosen, 7)).to.deep.equal(drawn.filter((_, i) => i % 60 < 7));
    for (const { of, values, preset } of drawn) {
      for (const range of of.search!) {
        const value = values[range.name]!;
        if ('values' in range) expect(range.values).to.include(value);
        else expect(value, range.name).to.be.within(range.from, range.to - 1e-9);
      }
      expect(preset.published).to.deep.equal([]);
    }
    const lambdas = drawn.filter(({ of }) => of.name === 'music-jsb-nbr').map(({ values }) => Math.log10(values.λ!));
    const mean = lambdas.reduce((sum, value) => sum + value, 0) / lambdas.length;
    expect(mean).to.be.closeTo(-3, 4 * (2 / Math.sqrt(12) / Math.sqrt(60)));
    expect(new Set(drawn.map(({ values }) => JSON.stringify(values))).size).to.be.above(1000);
  });

  it('puts what it drew where the settings are, and into the command', () => {
    const { preset, values, assignments } = drawSettings(music(/^music-jsb-nbr$/), 1)[0]!;
    const { model, training, regularizers } = preset.config as unknown as {
      model: { cell: { inputInit: object; recurrentInit: object }; init: object };
      training: { batchSize: number; optimizer: object };
      regularizers: object[];
    };
    expect(regularizers[0]).to.include({ name: 'tikhonov', lambda: values.λ, q: values.q });
    expect(model.cell.inputInit).to.include({ std: values['σ₁'] });
    expect(model.cell.recurrentInit).to.include({
      std: values['σ₂'],
      connections: values.k,
      spectralRadius: values.radius,
    });
    expect(model.init).to.include({ std: values['σ₂'] });
    expect(training.optimizer).to.include({ momentum: values.momentum, learningRate: values['step rate'] });
    expect(training.batchSize).to.equal(values.batch);
    expect(preset.paper).to.include({ table: 'Search: RNN-NBR, JSB Chorales' });
    expect(preset.paper!.row).to.match(/^λ 0\.0\d+, q [12], σ₁ 0\.0+1, σ₂ 0\.\d+, k \d\d, radius [\d.]+, /);
    expect(assignments).to.include(`regularizers.0.lambda=${values.λ}`).and.to.have.length(10);
  });

  it('has ranges that hold the settings which the paper found in them', () => {
    const rows = music(/^music-.*-(nbr|n|ns|mn|mns|do|dos|ff)$/);
    expect(rows).to.have.length(32);
    for (const { name, search, config } of rows) {
      const numbers = numbersIn(config);
      for (const range of search!)
        for (const path of range.paths) {
          const found = numbers[path]!;
          if ('values' in range) expect(range.values, `${name}: ${path}`).to.include(found);
          else expect(found, `${name}: ${path}`).to.be.within(range.from, range.to);
        }
    }
  });

  it('refuses rows without ranges', async () => {
    const { code, details } = await failureOf(() => drawSettings(music(/^music-jsb-fd$/), 3));
    expect([code, details.got]).to.deep.equal(['RNNX_USAGE', '--search 3 for music-jsb-fd']);
  });
});

describe('the figure of a search', () => {
  it('has the mean of what falls into each part of a range, on its scale', () => {
    const points = [
      [0.05, 1],
      [0.15, 3],
      [0.99, 7],
      [1, 9],
    ] as const;
    expect(binned(points, { from: 0, to: 1, scale: 'linear' }, 5)).to.deep.equal([
      { x: 0.1, mean: 2, deviation: Math.SQRT2 },
      { x: 0.9, mean: 8, deviation: Math.SQRT2 },
    ]);
    const log = binned([[1e-4, 5] as const, [9e-3, 6] as const], { from: 1e-4, to: 1e-2, scale: 'log' }, 2);
    expect(log.map(({ x }) => Math.log10(x).toFixed(3))).to.deep.equal(['-3.500', '-2.500']);
    expect(log.map(({ mean, deviation }) => [mean, deviation])).to.deep.equal([
      [5, null],
      [6, null],
    ]);
  });

  const row = (name: string, test: number | undefined, extra: object): ReportRow =>
    ({
      name,
      label: name,
      table: 'T',
      metric: 'nll-per-step',
      published: [],
      epochs: 1,
      hash: name,
      command: name,
      config: {
        dataset: 'x',
        model: { cell: 'rnn', layers: 1, hiddenSize: 1 },
        regularizers: [{ name: 'tikhonov', lambda: 0.001 }],
      },
      runs:
        test === undefined
          ? []
          : [
              {
                seed: 1,
                data: {
                  epochs: [],
                  seconds: 1,
                  result: { scores: { valid: { metric: test + 1 }, test: { metric: test } } },
                  environment: { packages: {}, memoryBytes: 1e9 },
                  data: { notes: [] },
                },
              },
            ],
      ...extra,
    }) as unknown as ReportRow;
  const ranges = music(/^music-jsb-nbr$/)[0]!.search!;
  const shown = (rows: readonly ReportRow[]) => figuresOf(rows).find(({ id }) => id === 'search');

  it('has a curve for each norm and the mean of logarithms, or says that there was no search', () => {
    const drawn = (n: number, λ: number, q: number, test?: number) =>
      row(`s${n}`, test, { table: 'Search: NBR', ranges, search: { of: 'nbr', label: 'NBR', values: { λ, q } } });
    const table = row('nbr', 8, { ranges });
    const rows = [
      table,
      drawn(1, 2e-4, 2, Math.E),
      drawn(2, 1.5e-4, 2, Math.E ** 3),
      drawn(3, 1e-3, 1, 5),
      drawn(4, 1e-3, 1),
    ];
    const figure = shown(rows)!;
    expect(figure.caption).to.include('random search');
    const [chart] = figure.charts as [Curves];
    expect([chart.title, chart.x, chart.y.name]).to.deep.equal([
      'NBR: 3 settings',
      { name: 'λ', log: true },
      'log test NLL/step',
    ]);
    expect(chart.series.map(({ name, scatter = false }) => [name, scatter])).to.deep.equal([
      ['mean q = 1', false],
      ['runs q = 1', true],
      ['mean q = 2', false],
      ['runs q = 2', true],
    ]);
    expect(chart.series[2]!.points.map(([, y]) => y.toFixed(6))).to.deep.equal(['2.000000']);
    expect(chart.series[2]!.spreads![0]).to.be.closeTo(Math.SQRT2, 1e-9);

    const without = shown([table])!;
    expect(without.caption).to.include('No search has been run');
    expect((without.charts as [Curves])[0].series).to.deep.equal([
      { name: 'nbr', colour: 0, points: [[0.001, 8]], scatter: true },
    ]);
    expect(shown([row('plain', 8, {})])).to.equal(undefined);
    expect(bestFirst(rows.slice(1)).map(({ name }) => name)).to.deep.equal(['s1', 's3', 's2', 's4']);
  });

  it('comes with the settings, best first, the rest folded on the page and left out on a terminal', () => {
    const rows = Array.from({ length: 8 }, (_, i) =>
      row(`s${i}`, createRng(i + 1).uniforms(1)[0]!, {
        table: 'Search',
        ranges,
        search: { of: 'nbr', label: 'NBR', values: { λ: 1e-3, q: 1 } },
      }),
    );
    const report = { title: 't', subtitle: 's', notes: [], rows, figures: [], command: 'c' };
    const best = bestFirst(rows).map(({ name }) => name);
    const page = renderHtml(report);
    expect([...page.matchAll(/<th scope="row">(s\d)</g)].map(([, name]) => name)).to.deep.equal([
      ...best.slice(0, 5),
      ...best,
    ]);
    expect(page).to.include('All 8 settings').and.not.to.include('Learning curves');
    expect([...renderMarkdown(report).matchAll(/^\| (s\d) /gm)].map(([, name]) => name)).to.deep.equal(best);
    expect([...resultTables(report).matchAll(/^(s\d) /gm)].map(([, name]) => name)).to.deep.equal(best.slice(0, 5));
  });
});

describe('reproduce with a search', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();

  it('runs the settings after the rows, once, and goes on with a longer one', async () => {
    const diary = new Diary();
    const presetsHere = [searched];
    const first = await reproduceTiny(folder.path, presetsHere, { search: 1, seeds: 2, jobs: 2 }, diary);
    expect(diary.started_).to.have.members(['noisy 1', 'noisy 2', 'noisy-search-1 1']);
    expect(diary.started_.slice(0, 2).join()).not.to.include('search');
    expect(diary.lines.join('\n')).to.match(
      /noisy {2}search of 1: about 0:\d\d and \d+MB[\s\S]*3 runs: 0 done before, 3 to do/,
    );
    expect(first.failed).to.equal(0);
    const again = new Diary();
    const { report } = await reproduceTiny(folder.path, presetsHere, { search: 2, seeds: 2 }, again);
    expect(again.started_).to.deep.equal(['noisy-search-2 1']);
    const drawn = report.rows.filter(({ search }) => search);
    expect(drawn.map(({ config }) => config.model.hiddenSize)).to.deep.equal(
      drawn.map(({ search }) => search!.values.width),
    );
    expect(drawn.every(({ table }) => table === 'Search: row noisy')).to.equal(true);
    expect(report.notes.join()).to.include('2 settings beside the table');
    expect(report.figures.map(({ id }) => id)).to.include('search');
  });

  it('measures a setting in the metric of its row, finished or not', async () => {
    const counted: Preset = { ...searched, published: [{ split: 'test', metric: 'nll-per-step', value: 1 }] };
    const { report } = await reproduceTiny(folder.path, [counted], { search: 1, budget: 0.01 });
    expect(report.rows.map(({ metric }) => metric)).to.deep.equal(['nll-per-step', 'nll-per-step']);
  });

  it('takes a setting that diverges as a result, and does not try it again', async () => {
    const wild: Preset = {
      ...searched,
      search: [{ name: 'rate', paths: ['training.optimizer.learningRate'], values: [1e30] }],
      config: {
        ...searched.config,
        training: { ...searched.config.training, clipNorm: null, optimizer: { name: 'sgd', learningRate: 1 } },
      },
    };
    const { failed, report } = await reproduceTiny(folder.path, [wild], { search: 1 });
    expect(failed).to.equal(0);
    expect(report.rows.at(-1)!.runs[0]!.note).to.include('RNNX_NONFINITE');
    const again = new Diary();
    await reproduceTiny(folder.path, [wild], { search: 1 }, again);
    expect(again.started_).to.deep.equal([]);
  });
});
