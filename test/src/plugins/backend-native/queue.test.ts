import { queueModes } from '@rnnx/backend-native';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { createWorkload, type Spec } from '../../bench/workload.js';
import { onNative } from '../../support/native.js';
import { Draws, rawAddon, runProgram } from './addon/open.js';

const language = { task: 'language', layers: 2, hidden: 24, steps: 6, batch: 5, inputs: 40, outputs: 40 } as const;
const music = { task: 'music', layers: 1, hidden: 20, steps: 7, batch: 4, inputs: 9, outputs: 9 } as const;

const models: Readonly<Record<string, Spec>> = {
  'a language model': { ...language, cell: 'lstm', variant: 'plain' },
  // A gradient of which few rows are written, in memory that is kept clear.
  'one of many words': { ...language, cell: 'lstm', variant: 'plain', inputs: 3000 },
  'one written operation by operation': { ...language, cell: 'lstm', variant: 'plain', composed: true },
  NOISIN: { ...language, cell: 'lstm', variant: 'noisin' },
  'untied Gal dropout': { ...language, cell: 'lstm', variant: 'gal-untied' },
  zoneout: { ...language, cell: 'lstm', variant: 'zoneout' },
  'DropConnect by step': { ...language, cell: 'lstm', variant: 'dropconnect-step' },
  'weight noise by step': { ...language, cell: 'gru', variant: 'weight-noise' },
  'a GRU of music': { ...music, cell: 'gru', variant: 'plain' },
  'fast dropout': { ...music, cell: 'fast-dropout', variant: 'plain' },
  'batch normalisation': { ...music, task: 'digits', cell: 'lstm', variant: 'batch-norm' },
};

/** Runs in one mode of the kernels' queue. */
async function inMode<T>(mode: (typeof queueModes)[number], run: () => T | Promise<T>): Promise<T> {
  const addon = rawAddon();
  addon.setQueueMode(queueModes.indexOf(mode));
  try {
    return await run();
  } finally {
    addon.setQueueMode(queueModes.indexOf('on'));
  }
}

describe('the queue of native kernels', () => {
  onNative();

  for (const [name, spec] of Object.entries(models))
    it(`does not show in the losses of ${name}`, async () => {
      const losses = async () => {
        const workload = createWorkload(spec);
        const found: number[] = [];
        for (let step = 0; step < 6; step++) found.push(await workload.step());
        workload.dispose();
        return found;
      };
      const expected = await inMode('off', losses);
      expect(new Set(expected).size, 'the model learns').to.be.above(3);
      expect(await inMode('on', losses)).to.deep.equal(expected);
      expect(await inMode('late', losses)).to.deep.equal(expected);
    });

  it('takes more kernels than it has room for', async () => {
    const sum = () => {
      const last = tf.tidy(() => {
        let x: tf.Tensor = tf.zeros([2000]);
        for (let i = 1; i <= 1000; i++) x = x.add(i);
        return x;
      });
      const [first] = last.dataSync();
      last.dispose();
      return first;
    };
    for (const mode of queueModes) expect(await inMode(mode, sum), mode).to.equal(500_500);
  });

  it('gives what was computed to whoever looks: slices, masks, casts, fills, numbers of rows', async () => {
    const look = () =>
      tf.tidy(() => {
        const x = tf.range(0, 3000, 1, 'float32').add(0.5);
        const whole = x.toInt().as1D();
        const found: tf.Tensor[] = [
          ...[x.slice(10, 5), whole.slice(10, 5), x.greater(1000).slice(998, 5)],
          ...[tf.oneHot(whole.slice(3, 2), 6), tf.gather(x, whole.slice(7, 3)), tf.pad(x.slice(0, 3), [[1, 2]], 9)],
          tf.unsortedSegmentSum(x.slice(0, 4), whole.slice(1, 4), 2000).slice(0, 8),
          ...[tf.onesLike(x).slice(0, 3), tf.fill([3], 1, 'bool'), tf.topk(x, 2).values, whole.mod(7).slice(20, 3)],
          tf.cast(x.less(2), 'float32').slice(0, 4),
        ];
        return found.map((tensor) => Array.from(tensor.dataSync()));
      });
    const expected = [
      ...[
        [10.5, 11.5, 12.5, 13.5, 14.5],
        [10, 11, 12, 13, 14],
        [0, 0, 1, 1, 1],
      ],
      ...[
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0],
        [7.5, 8.5, 9.5],
        [9, 0.5, 1.5, 2.5, 9, 9],
      ],
      ...[
        [0, 0.5, 1.5, 2.5, 3.5, 0, 0, 0],
        [1, 1, 1],
        [1, 1, 1],
        [2999.5, 2998.5],
        [6, 0, 1],
      ],
      [1, 1, 0, 0],
    ];
    for (const mode of queueModes) expect(await inMode(mode, look), mode).to.deep.equal(expected);
  });

  it('refuses what is wrong at the call, and does what came before', async () => {
    const addon = rawAddon();
    const [a, b, c] = [new Float32Array(4).fill(2), new Float32Array(4).fill(3), new Float32Array(4)];
    await inMode('late', () => {
      addon.gemm(false, false, 2, 2, 2, a, b, c, false);
      expect(() => addon.gemm(false, false, 2, 2, 3, a, b, c, false)).to.throw(/A must have at least 6 elements/);
      expect(Array.from(c), 'not yet').to.deep.equal([0, 0, 0, 0]);
      addon.waitForKernels();
    });
    expect(Array.from(c)).to.deep.equal([12, 12, 12, 12]);
  });

  it('waits for some kernels and leaves those after them', async () => {
    const addon = rawAddon();
    const x = new Float32Array(100).fill(3);
    const copies = Array.from({ length: 3 }, () => new Float32Array(100));
    await inMode('late', () => {
      addon.waitForKernels();
      const before = addon.kernelsCalled();
      for (const copy of copies) addon.repeat(100, x, 100, copy);
      expect(addon.kernelsCalled()).to.equal(before + 3);
      addon.waitUntilRun(before + 2);
      expect(copies.map((copy) => copy[99])).to.deep.equal([3, 3, 0]);
      addon.waitUntilRun(before + 1000);
      expect(copies[2]![99]).to.equal(3);
    });
  });

  it('keeps arrays that nobody else holds until their kernels have run', function () {
    this.timeout(60_000);
    expect(runProgram('kept')).to.equal(40);
  });

  it('is not there for one thread', () => {
    const addon = rawAddon();
    const threads = addon.threadCount();
    const draws = new Draws('one thread');
    try {
      addon.setThreadCount(1);
      const [x, out] = [draws.floats(100), new Float32Array(100)];
      addon.repeat(100, x, 100, out);
      expect(out, 'at once').to.deep.equal(x);
    } finally {
      addon.setThreadCount(threads);
    }
  });
});
