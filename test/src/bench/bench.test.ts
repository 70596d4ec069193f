import { createRng, enableFusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Bench } from './bench.js';
import { availableEngines, threadCount } from './engines.js';
import { stepFlops } from './flops.js';
import { type LineName, programs, runLine } from './lines/index.js';
import { peakWanted } from './lines/peak.js';
import { stepsWanted } from './lines/steps.js';
import { parseOptions } from './options.js';
import { type PyTorch, startPyTorch } from './pytorch.js';
import { json, type Line, markdown, median, met, type Report, type Row, ratio } from './report.js';
import { interleave, settled } from './rounds.js';
import { full, type Scale, tiny } from './scale.js';
import { createModel, createWorkload, minibatch, type Spec, variants } from './workload.js';

const language = tiny.language[4]!;
const row = (engine: string, rounds: number[]): Row => ({
  where: '2x200',
  engine,
  variant: 'plain',
  unit: 'tokens/s',
  rounds,
});

describe('benchmark: report', () => {
  it('takes medians, and ratios round by round', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 2, 3])).to.equal(2.5);
    // Medians of the rounds are 10 and 40; of their ratios 0.5.
    expect(median(ratio(row('wasm', [100, 10, 4]), row('pytorch', [200, 40, 4])))).to.equal(0.5);
  });

  it('says what is met', () => {
    const finding = (wanted: { atLeast: number } | { above: number } | { atMost: number }) =>
      met({ what: '', unit: 'times', rounds: [9, 2, 0], wanted });
    expect([finding({ atLeast: 2 }), finding({ atLeast: 2.01 })]).to.deep.equal([true, false]);
    expect([finding({ above: 1.99 }), finding({ above: 2 })]).to.deep.equal([true, false]);
    expect([finding({ atMost: 2 }), finding({ atMost: 1.99 })]).to.deep.equal([true, false]);
    expect(met({ what: '', unit: 'times', rounds: [2] })).to.equal(undefined);
  });

  it('is written for people and for machines', () => {
    const line: Line = {
      name: 'steps',
      title: 'training steps',
      rows: [row('native', [8000, 8200, 7900])],
      findings: [
        { what: 'native to PyTorch', unit: 'times', rounds: [1.5, 1.7, 1.4], wanted: { atLeast: 1.6 } },
        { what: 'zoneout over plain', unit: '%', rounds: [3], wanted: { atMost: 5 } },
        { what: 'dropout over plain', unit: '%', rounds: [-0.5] },
      ],
      notes: ['A note.'],
      fallbacks: [{ kernel: 'Cumsum', calls: 3, elements: 30_000 }],
    };
    const report: Report = { machine: { cpu: 'some' }, settings: { rounds: '3' }, lines: [line] };
    const text = markdown(report);
    for (const part of [
      '- cpu: some\n- rounds: 3\n\n## steps: training steps',
      '| 2x200 | native | plain | 8000 tokens/s | 7900 to 8200 |',
      '| native to PyTorch | 1.50 times | 1.40 to 1.70 | at least 1.6 times | NO |',
      '| zoneout over plain | 3.00 % | 3.00 to 3.00 | at most 5 % | yes |',
      '| dropout over plain | -0.50 % | -0.50 to -0.50 |  |  |',
      'A note.\nIn JavaScript on large tensors: Cumsum 3 times.',
    ])
      expect(text).to.include(part);
    expect(markdown({ ...report, lines: [{ ...line, fallbacks: [] }] })).to.include('large tensors: nothing.');
    const [found] = (json(report) as { lines: Record<string, Record<string, unknown>[]>[] }).lines;
    expect(found!.rows![0]).to.include({ median: 8000 });
    expect(found!.findings!.map((finding) => [finding.median, finding.met])).to.deep.equal([
      [1.5, false],
      [3, true],
      [-0.5, null],
    ]);
  });

  it('measures all in turn within a round, and disposes of them where one fails', async () => {
    const order: string[] = [];
    const contestant = (engine: string, fails = false) => ({
      ...row(engine, []),
      async measure() {
        order.push(engine);
        if (fails) throw new Error('broken');
        return order.length;
      },
      dispose: () => order.push(`${engine} gone`),
    });
    const rows = await interleave([contestant('a'), contestant('b')], { rounds: 3 }, () => {});
    expect(order).to.deep.equal(['a', 'b', 'b', 'a', 'a', 'b', 'a gone', 'b gone']);
    expect(rows.map(({ rounds }) => rounds)).to.deep.equal([
      [1, 4, 5],
      [2, 3, 6],
    ]);
    const longer = await interleave([contestant('a')], { rounds: 1, total: 0.02 }, () => {});
    expect(longer[0]!.rounds.length, 'further rounds').to.be.above(1);
    order.length = 0;
    const failed = interleave([contestant('a', true)], { rounds: 2 }, () => {}).catch((error: Error) => error.message);
    expect([await failed, ...order]).to.deep.equal(['broken', 'a', 'a gone']);
  });

  it('measures after a shorter time that does not count, unless that takes as long as asked for', async () => {
    const asked: number[] = [];
    const measure = (lasts: number) => async (seconds: number) => {
      asked.push(seconds);
      const end = performance.now() + lasts;
      while (performance.now() < end);
      return asked.length;
    };
    expect(await settled(measure(0), 10)).to.equal(2);
    expect(await settled(measure(6), 0.005)).to.equal(3);
    expect(asked).to.deep.equal([2, 10, 0.001]);
  });

  it('takes options, and refuses odd ones', () => {
    expect(parseOptions([])).to.deep.include({
      lines: Object.keys(programs),
      sizes: [200, 650, 1500],
      rounds: 5,
      total: 8,
    });
    expect(parseOptions(['--lines', 'cells,steps', '--sizes', '650'])).to.deep.include({
      lines: ['steps', 'cells'],
      sizes: [650],
    });
    expect(parseOptions(['--help'])).to.equal(undefined);
    for (const [option, value] of [
      ['--lines', 'stairs'],
      ['--sizes', '300'],
      ['--rounds', '0'],
      ['--rounds', 'many'],
      ['--seconds', '-1'],
      ['--total', 'long'],
    ] as const)
      expect(() => parseOptions([`${option}=${value}`]), `${option} ${value}`).to.throw(option);
  });
});

describe('benchmark: floating-point operations of a step', () => {
  it('are those counted by hand', () => {
    // One layer, H = 3, T = 2, B = 5, V = 7. Multiply-adds of x [10, 3] W [3, 12]: 360, three times, and of a state
    // [5, 3] U [3, 12]: 180, three times at both steps but for the gradient of the first state; output [10, 3] [3, 7]: 210,
    // three times.
    const multiplyAdds = 3 * 360 + 5 * 180 + 3 * 210;
    expect(stepFlops({ ...language, layers: 1, hidden: 3, steps: 2, batch: 5, inputs: 7, outputs: 7 })).to.equal(
      2 * multiplyAdds,
    );
  });

  it('are those of the products that the composed model makes', async () => {
    const spec: Spec = { ...language, layers: 2, hidden: 4, steps: 3, batch: 2, inputs: 7, outputs: 7 };
    const model = createModel(spec);
    const weights = model.initialize(createRng(1));
    const state = model.initialState(spec.batch);
    const pass = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(1) } as const;
    enableFusedKernels(false);
    let counted = 0;
    try {
      const { kernels } = await tf.profile(() => {
        const result = model.lossAndGradients(weights, minibatch(spec), state, 1, pass);
        tf.dispose(result as never);
        return tf.scalar(0);
      });
      const size = (shape: readonly number[] | null) => shape!.reduce((product, length) => product * length, 1);
      for (const { name, inputShapes, outputShapes } of kernels) {
        if (name !== 'BatchMatMul' && name !== '_FusedMatMul') continue;
        const [left, right, out] = [inputShapes[0]!, inputShapes[1]!, outputShapes[0] as number[]].map(size);
        // [m, k] [k, n]: k² = mk · kn / mn.
        counted += 2 * out! * Math.sqrt((left! * right!) / out!);
      }
    } finally {
      enableFusedKernels(true);
      tf.dispose([weights, state as never]);
    }
    // It also makes the gradient of each layer's first state.
    const unneeded = spec.layers * 2 * spec.batch * spec.hidden * 4 * spec.hidden;
    expect(counted).to.be.closeTo(stepFlops(spec) + unneeded, 1e-6);
  });
});

describe('benchmark: what is wanted', () => {
  it('stands at every size that is measured, and not beside tiny ones', async () => {
    const engines = await availableEngines(['cpu'], () => {});
    const limits = async (scale: Scale) => {
      const bench = { rounds: 1, seconds: 0, total: 0, scale, sizes: [], engines, pytorch: undefined, threads: 1 };
      const { findings } = await runLine('cells', { ...bench, progress: () => {} });
      return findings.map(({ wanted }) => wanted);
    };
    expect(await limits(tiny)).to.deep.equal([undefined]);
    expect(await limits({ ...tiny, judged: true })).to.deep.equal([{ atLeast: 50 }]);
    for (const least of [stepsWanted, peakWanted])
      expect(Object.keys(least).map(Number)).to.deep.equal([...full.sizes]);
  });
});

describe('benchmark: training steps keep no tensors', () => {
  const specs: Record<string, Spec> = Object.fromEntries([
    ...(Object.keys(variants) as Spec['variant'][]).map((variant) => [variant, { ...language, variant }]),
    ['op by op', { ...language, composed: true }],
    ...(['gru', 'rnn', 'fast-dropout'] as const).map((cell) => [cell, { ...tiny.music, cell }]),
    ['digits', tiny.digits],
  ]);
  for (const [name, spec] of Object.entries(specs))
    it(name, async () => {
      const before = tf.memory().numTensors;
      const workload = createWorkload(spec);
      await workload.step();
      const held = tf.memory().numTensors;
      for (let i = 0; i < 3; i++) await workload.step();
      expect(tf.memory().numTensors).to.equal(held);
      workload.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
});

describe('benchmark: every line, tiny', () => {
  let bench: Bench;
  let pytorch: PyTorch | undefined;
  let native: boolean;

  before(async () => {
    const notice = (text: string) => console.warn(`      ${text}`);
    const engines = await availableEngines(['native', 'wasm'], notice);
    native = engines.has('native');
    const threads = threadCount();
    pytorch = await startPyTorch(threads);
    if (pytorch === undefined) notice('no PyTorch here: its part of the benchmark is not tested');
    const sizes = [4];
    bench = {
      rounds: 1,
      seconds: 0,
      total: 0,
      scale: { ...tiny, judged: true },
      sizes,
      engines,
      pytorch,
      threads,
      progress: () => {},
    };
  });
  after(async () => {
    pytorch?.close();
    await tf.setBackend('cpu');
  });

  /** Findings of each line beside PyTorch, those without it, and how many have a limit at these sizes. */
  const findings: Record<LineName, readonly [all: number, alone: number, wanted: number]> = {
    steps: [8, 0, 0],
    peak: [1, 1, 0],
    regularizers: [6, 6, 5],
    cells: [1, 1, 1],
    music: [2, 0, 2],
    recurrent: [2, 0, 2],
    memory: [3, 2, 3],
    quickstart: [1, 1, 1],
  };

  for (const name of Object.keys(programs) as LineName[])
    it(name, async function () {
      if (!native && (name === 'peak' || name === 'quickstart')) this.skip();
      const before = tf.memory().numTensors;
      const line = await runLine(name, bench);
      expect(tf.memory().numTensors, 'tensors').to.equal(before);
      const [all, alone, wanted] = findings[name];
      expect(line.findings).to.have.length(pytorch === undefined ? alone : all);
      if (pytorch !== undefined) expect(line.findings.filter((finding) => finding.wanted)).to.have.length(wanted);
      const numbers = [...line.rows, ...line.findings].flatMap(({ rounds }) => rounds);
      expect(numbers.filter(Number.isFinite)).to.deep.equal(numbers);
      for (const { engine, variant, rounds } of line.rows)
        expect(Math.min(...rounds), `${engine} ${variant}`).to.be.above(0);
      expect(markdown({ machine: {}, settings: {}, lines: [line] })).to.include(`## ${name}: ${line.title}`);
    });
});
