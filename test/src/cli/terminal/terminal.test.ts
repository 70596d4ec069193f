import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import type { ExperimentEvent, RunResult } from 'rnnx';
import { comparePublished, renderComparison, spreadOf, summarize } from '../../../../cli/dist/terminal/comparison.js';
import { bytes, count, duration, number, signed } from '../../../../cli/dist/terminal/format.js';
import { createReporter } from '../../../../cli/dist/terminal/progress.js';

const result = (variant: string, seed: number, test: number): RunResult => ({
  variant,
  seed,
  metric: 'perplexity',
  scores: { valid: { nll: 1, metric: test + 5, count: 10 }, test: { nll: 1, metric: test, count: 10 } },
  reason: 'epochs',
  epochs: 2,
  bestEpoch: 2,
  parameters: 13_270_000,
  backend: 'cpu',
  seconds: 61,
});

describe('numbers for people', () => {
  it('are short and keep what matters', () => {
    expect([number(123.456), number(78.41), number(1.2345), number(0), number(1e-7)]).to.deep.equal([
      '123.5',
      '78.41',
      '1.234',
      '0.000',
      '1.00e-7',
    ]);
    expect([signed(-2.5), signed(0.12)]).to.deep.equal(['-2.500', '+0.120']);
    expect([count(999), count(13_280_000), count(1500)]).to.deep.equal(['999', '13.3M', '1.50k']);
    expect([bytes(12), bytes(5_101_618)]).to.deep.equal(['12 B', '5.10MB']);
    expect([duration(75), duration(4000), duration(Number.NaN)]).to.deep.equal(['1:15', '1:06:40', '?']);
  });
});

describe('the closing table', () => {
  it('has mean and sample deviation over seeds', () => {
    expect(spreadOf([1, 2, 3])).to.deep.equal({ mean: 2, deviation: 1 });
    expect(spreadOf([5])).to.deep.equal({ mean: 5, deviation: null });
    const text = renderComparison([result('a', 1, 70), result('a', 2, 80), result('b', 1, 90)], [], undefined);
    expect(text).to.match(/^a +2 +13\.3M +80\.00 ± 7\.071 +75\.00 ± 7\.071 +2:02 +best$/m);
    expect(text).to.match(/^b +1 +13\.3M +95\.00 +90\.00 +1:01$/m);
  });

  it('puts the published number and the difference beside ours', () => {
    const published = [
      { split: 'test', metric: 'perplexity', value: 80 },
      { split: 'valid', metric: 'bits-per-character', value: 1 },
    ] as const;
    const results = [result('base', 1, 78)];
    expect(comparePublished(summarize(results), published)).to.deep.equal([
      { variant: 'base', split: 'test', ours: 78, published: 80, difference: -2 },
    ]);
    const text = renderComparison(results, published, 'A paper, Table 1: a row');
    expect(text).to.match(/test +78\.00 +80\.00 +-2\.000 \(-2\.500 %\)/);
    expect(text).to.include('A paper, Table 1: a row');
  });

  it('shows the floor where it is known, and says so where nothing has finished', () => {
    const text = renderComparison(
      [{ ...result('a', 1, 9), floor: { value: 6.5, description: 'exact' } }],
      [],
      undefined,
    );
    expect(text).to.include('floor perplexity 6.500: exact');
    expect(renderComparison([], [], undefined)).to.equal('No run has finished.');
  });
});

describe('progress where there is no terminal', () => {
  const step = (n: number): ExperimentEvent => ({
    type: 'step',
    run: { variant: 'a', seed: 1 },
    epoch: 1,
    step: n,
    stepsPerEpoch: 4,
    globalStep: n,
    loss: Math.log(50),
    metric: 50,
    gradientNorm: 1,
    learningRate: 1,
    tokensPerSecond: 1234,
  });

  it('is one line every so often, an epoch always', () => {
    const lines: string[] = [];
    const stream = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream;
    const reporter = createReporter(stream, 3600);
    reporter.event({ type: 'plan', name: 'mine', runs: [{}, {}] as never, folder: '/there' });
    for (const n of [1, 2, 3, 4]) reporter.event(step(n));
    reporter.event({
      type: 'epoch',
      run: { variant: 'a', seed: 1 },
      epoch: 1,
      train: { nll: 1, metric: 40, count: 1 },
      valid: { nll: 1, metric: 30, count: 1 },
      best: true,
      learningRate: 1,
      seconds: 2,
      scalars: { 'noisin/spread-0': 0.5 },
    });
    reporter.stop();
    const text = lines.join('');
    expect(text).to.include('mine: 2 runs').and.to.include('writing to /there');
    expect(text.match(/tokens\/s/g)).to.have.length(1);
    expect(text).to.match(/perplexity 50\.00 {2}1\.23k tokens\/s/);
    expect(text).to.match(/epoch 1\/\d+ {2}perplexity train 40\.00 valid 30\.00 \(best\).*noisin\/spread-0 0\.500/);
  });
});

describe('progress on a terminal', () => {
  it('rewrites one live line with the time left and keeps lines of epochs', () => {
    const written: string[] = [];
    const stream = { isTTY: true, columns: 200, rows: 40, write: (text: string) => written.push(text) };
    const reporter = createReporter(stream as unknown as NodeJS.WriteStream);
    const run = { variant: 'a', seed: 1 };
    reporter.event({
      type: 'start',
      run,
      epochs: 2,
      metric: 'perplexity',
      parameters: 1000,
      backend: 'cpu',
      dataset: 'grammar',
      notes: [],
      resumedAt: { epoch: 1, step: 2 },
    });
    const step = { type: 'step', run, epoch: 2, stepsPerEpoch: 4, globalStep: 7, loss: 1, gradientNorm: 1 } as const;
    const rates = { metric: Math.E, learningRate: 1, tokensPerSecond: 10 };
    reporter.event({ ...step, ...rates, step: 3 });
    const before = written.length;
    reporter.event({ ...step, ...rates, step: 4 });
    const text = stripVTControlCharacters(written.slice(before).join(''));
    expect(text).to.match(
      /a seed 1 {2}epoch 2\/2 {2}100 % {2}loss 1\.000 {2}perplexity 2\.718 {2}10 tokens\/s {2}0:00 left/,
    );
    expect(written.join(''), 'the line is taken back').to.include('\u001b[');
    expect(stripVTControlCharacters(written.join(''))).to.include('goes on after epoch 1, step 2');
    reporter.stop();
  });
});
