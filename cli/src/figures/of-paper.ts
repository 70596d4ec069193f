import { createRng } from '@rnnx/core';
import type { HostOptions } from '../host.js';
import type { Chart, Series } from '../report/chart.js';
import type { ReportFigure, ReportRow } from '../report/report.js';
import type { RunData } from '../report/run-data.js';
import { checkpointPath, readCheckpoint } from '../run-folder/checkpoint.js';
import { openTrained, type TrainedRun } from '../trained.js';
import { bitsByLength } from './bits-by-length.js';
import { type FigureCache, hashFile } from './cache.js';
import { gradientNorms } from './gradient-norm.js';
import { lossSurface } from './loss-surface.js';
import { populationStatistics } from './population-statistics.js';
import { tanhDerivative, tanhDerivativeChart } from './tanh-derivative.js';

/**
 * The figures of a paper that are no curves of its rows' training, by its key; those that need a run take what there is.
 *
 * @param cache keeps what takes long, by the runs that it comes from
 */
export async function figuresOfPaper(
  key: string,
  rows: readonly ReportRow[],
  host: HostOptions,
  cache: FigureCache,
): Promise<readonly ReportFigure[]> {
  if (key === 'regularizing-recurrent-networks') return [surfaces()];
  if (key !== 'recurrent-batch-normalization') return [];
  const figures = [
    await statistics(rows),
    derivative(),
    await gradients(rows, host, cache),
    await lengths(rows, host, cache),
  ];
  return figures.filter(({ charts }) => charts.length > 0);
}

/** Intervals along w and b. */
const surfaceSteps = [26, 25] as const;

function surfaces(): ReportFigure {
  const settings = { steps: 50, target: 0.7 };
  const penalties = [undefined, { norm: 'L1', lambda: 0.01 } as const, { norm: 'L2', lambda: 0.001 } as const];
  return {
    id: 'loss-surface',
    title: 'Loss of a network of one unit',
    caption:
      'Squared error of h after 50 steps of h = σ(w h + b) from 0 against 0.7, over w and b (figures 2 and 3 of the music study; steps, target and range are our choice): a valley beside a wall, which a penalty slopes.',
    charts: penalties.map((penalty) => lossSurface({ ...settings, ...(penalty && { penalty }) }, surfaceSteps)),
  };
}

async function statistics(rows: readonly ReportRow[]): Promise<ReportFigure> {
  const charts: Chart[] = [];
  for (const { label, runs } of rows) {
    const data = runs.find((run) => run.data?.result !== undefined)?.data;
    if (data?.config.regularizers.length)
      charts.push(...populationStatistics(await readCheckpoint(data.path, 'best'), label));
  }
  return {
    id: 'population-statistics',
    title: 'Population statistics over time',
    caption:
      'Mean and variance of what is normalised, at each time step, estimated over the training split; a curve a unit (figure 1): a transient, then constant.',
    charts,
  };
}

function derivative(): ReportFigure {
  const deviations = Array.from({ length: 51 }, (_, i) => i / 50);
  return {
    id: 'tanh-derivative',
    title: 'Derivative of tanh against the spread of its input',
    caption:
      'Mean of 1 - tanh² under N(0, σ²) and its quartiles, 1000 draws each (figure 2b, whose caption calls the axis a variance): normalised to unit variance, the activation passes little gradient.',
    charts: [tanhDerivativeChart(tanhDerivative(deviations, 1000, createRng(1).stream('tanh')))],
  };
}

/** Everything about figure 2a but the pixels. */
const gradientSettings = {
  gammas: [0.1, 0.2, 0.4, 0.6, 0.8, 1],
  examples: 100,
  units: 100,
  epsilon: 1e-5,
  recurrentInit: { name: 'identity', scale: 1 },
  seed: 1,
} as const;

/** On the pixels of a finished row over images; nothing without one, since its data are known to be here. */
async function gradients(rows: readonly ReportRow[], host: HostOptions, cache: FigureCache): Promise<ReportFigure> {
  const data = rows.flatMap(({ runs }) => runs).find((run) => run.data?.result?.metric === 'error-rate')?.data;
  const charts: Chart[] = [];
  if (data !== undefined) {
    const inputs = { settings: gradientSettings, dataset: data.config.dataset, splits: data.data.splits };
    const series = await cache.get('gradient-norm', inputs, () => withTrained(data, host, gradientSeries));
    const [x, y] = [
      { name: 'time step', whole: true },
      { name: 'norm of ∂loss/∂h', log: true },
    ];
    if (series.length > 0) charts.push({ kind: 'curves', title: 'Gradient against time', x, y, series });
  }
  return {
    id: 'gradient-norm',
    title: 'Gradient against time for several γ',
    caption:
      'An untrained tanh network of 100 units with batch normalisation on 100 sequences of pixels, W_h the identity as the paper has it for these data, loss after the last (figure 2a): backwards in time it vanishes the faster the larger γ is.',
    charts,
  };
}

async function gradientSeries({ dataset }: TrainedRun): Promise<readonly Series[]> {
  const { splits, task } = dataset;
  const { train } = splits;
  if (train.kind !== 'labelled' || task.kind !== 'classification' || task.size !== 1) return [];
  const { gammas, examples, seed, ...settings } = gradientSettings;
  const series: Series[] = [];
  for (const [colour, gamma] of gammas.entries()) {
    const points = await gradientNorms({
      ...settings,
      sequences: train.sequences.slice(0, examples),
      labels: train.labels.slice(0, examples),
      classes: task.classes.length,
      gamma,
      rng: createRng(seed),
    });
    series.push({ name: `γ = ${gamma}`, colour, points });
  }
  return series;
}

const measuredLengths = { lengths: [50, 100, 200, 400, 600, 800, 1000], most: 20_000 };

/** A curve for each finished row, and for one that is normalised with population statistics another without them. */
async function lengths(rows: readonly ReportRow[], host: HostOptions, cache: FigureCache): Promise<ReportFigure> {
  const finished = rows.flatMap(({ label, runs }) => {
    const data = runs.find((run) => run.data?.result?.metric === 'bits-per-character')?.data;
    return data === undefined ? [] : [{ label, data }];
  });
  const series: Series[] = [];
  for (const [colour, { label, data }] of finished.entries()) {
    const checkpoint = await hashFile(checkpointPath(data.path, 'best'));
    const inputs = { measuredLengths, config: data.hash, checkpoint, splits: data.data.splits };
    const { population, minibatch } = await cache.get(`bits-by-length-${data.hash}`, inputs, () =>
      withTrained(data, host, curvesByLength),
    );
    series.push({ name: minibatch ? `${label}, population statistics` : label, colour, points: population });
    if (minibatch) series.push({ name: `${label}, batch statistics`, colour, dashed: true, points: minibatch });
  }
  const [x, y] = [{ name: 'length of the subsequence' }, { name: 'bits per character' }];
  return {
    id: 'bits-by-length',
    title: 'Bits per character against length',
    caption:
      'Test text cut into subsequences, the state fresh at the start of each; 20,000 characters a length (figure 4b). Solid with population statistics; dashed with those of minibatches as large as in training, or of all subsequences where there are fewer.',
    charts: series.length === 0 ? [] : [{ kind: 'curves', title: 'Length', x, y, series }],
  };
}

/** A test split that is shorter is cut into what it holds. */
async function curvesByLength(trained: TrainedRun) {
  const { test } = trained.dataset.splits;
  const held = test.kind === 'tokens' ? test.tokens.length - 1 : 0;
  const options = { ...measuredLengths, lengths: measuredLengths.lengths.filter((length) => 2 * length <= held) };
  const population = await bitsByLength(trained, options);
  if (trained.model.estimationBatches === 0) return { population };
  const minibatch = trained.config.training.batchSize;
  return { population, minibatch: await bitsByLength(trained, { ...options, minibatch }) };
}

async function withTrained<T>(
  { path }: RunData,
  host: HostOptions,
  work: (trained: TrainedRun) => Promise<T>,
): Promise<T> {
  const trained = await openTrained(path, host);
  try {
    return await work(trained);
  } finally {
    await trained.dispose();
  }
}
