import { createRng, evaluationWindows, type Minibatch, RnnxError, trainingWindows, type WindowPlan } from '@rnnx/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { frameTask, languageTask, sequences, tokens } from './fake-model.js';

const order = createRng(1);
const options = { batchSize: 2, bptt: 3, carryState: true };
const split = (count: number) => ({ kind: 'tokens', tokens: Int32Array.from({ length: count }, (_, i) => i) }) as const;
const frames = (lengths: readonly number[]) => ({ kind: 'frames', sequences: sequences(lengths) }) as const;
const windows = (plan: WindowPlan) => Array.from({ length: plan.length }, (_, i) => plan.at(i));

/** Per stream, the counted (input, target) pairs in order of time. */
function pairs({ steps, batch, inputs, targets, mask }: Minibatch): [number, number][][] {
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: steps }, (_, t) => t * batch + b)
      .filter((at) => mask === null || mask[at] === 1)
      .map((at): [number, number] => [inputs[at]!, targets[at]!]),
  );
}

describe('training windows of tokens', () => {
  it('are contiguous parallel streams, time-major, the first input being the start token', () => {
    const plan = trainingWindows(split(14), languageTask, options, order);
    expect(plan.length).to.equal(2); // streams of 7 tokens hold two windows of 3
    const [first, second] = windows(plan);
    expect([...first!.batch.inputs]).to.deep.equal([languageTask.start, 6, 0, 7, 1, 8]);
    expect([...first!.batch.targets]).to.deep.equal([0, 7, 1, 8, 2, 9]);
    expect([...second!.batch.inputs]).to.deep.equal([2, 9, 3, 10, 4, 11]);
    expect([...second!.batch.targets]).to.deep.equal([3, 10, 4, 11, 5, 12]);
    expect(first!.batch.mask).to.equal(null);
    expect(first!.count).to.equal(6);
  });

  it('start from zero state at the first window only, or at each if the state is not carried', () => {
    const fresh = (carryState: boolean) =>
      windows(trainingWindows(split(30), languageTask, { ...options, carryState }, order)).map((w) => w.fresh);
    expect(fresh(true)).to.deep.equal([true, false, false, false, false]);
    expect(fresh(false)).to.deep.equal([true, true, true, true, true]);
  });

  it('refuse a split that fills no window', () => {
    expect(() => trainingWindows(split(5), languageTask, options, order))
      .to.throw(RnnxError, /"train".*\n.*5 tokens\n.*at least 6/)
      .with.property('code', 'RNNX_DATA_TOO_SMALL');
    expect(trainingWindows(split(6), languageTask, options, order).length).to.equal(1);
  });
});

describe('evaluation windows of tokens', () => {
  it('count each token once, after the token before it, for all sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (n, batchSize, steps) => {
          const all = windows(evaluationWindows(split(n), languageTask, { batchSize, steps }));
          const counted = all.flatMap(({ batch }) => pairs(batch).flat());
          const expected = Array.from({ length: n }, (_, i) => [i === 0 ? languageTask.start : i - 1, i]);
          expect(counted.sort((a, b) => a[1] - b[1])).to.deep.equal(expected);
          expect(all.reduce((sum, { count }) => sum + count, 0)).to.equal(n);
          expect(all.map(({ fresh }) => fresh)).to.deep.equal(all.map((_, i) => i === 0));
          // Within a stream, tokens follow one another across windows.
          const streams = all[0]!.batch.batch;
          for (let b = 0; b < streams; b++) {
            const stream = all.flatMap(({ batch }) => pairs(batch)[b]!.map(([, target]) => target));
            expect(stream).to.deep.equal(stream.map((_, i) => stream[0]! + i));
          }
        },
      ),
    );
  });

  it('mask uneven streams in their last step', () => {
    const all = windows(evaluationWindows(split(8), languageTask, { batchSize: 3, steps: 2 }, 'valid'));
    expect(all.map(({ batch }) => batch.mask && [...batch.mask])).to.deep.equal([null, [1, 1, 0]]);
    expect([...all[1]!.batch.targets]).to.deep.equal([2, 5, 0]);
  });

  it('refuse an empty split', () => {
    expect(() => evaluationWindows(split(0), languageTask, { batchSize: 1, steps: 4 }, 'valid'))
      .to.throw(RnnxError, /"valid" is empty/)
      .with.property('code', 'RNNX_DATA_TOO_SMALL');
  });
});

describe('windows of frame sequences', () => {
  const lengths = [5, 3, 8, 1, 6];

  it('predict frame t+1 from frame t, padded at the end, with the state carried within a sequence', () => {
    const [first, second, third] = windows(evaluationWindows(frames([3, 5]), frameTask, { batchSize: 2, steps: 3 }));
    expect(third).to.equal(undefined);
    expect(first!.batch.mask && [...first!.batch.mask]).to.deep.equal([1, 1, 1, 1, 0, 1]);
    expect([first!.count, second!.count]).to.deep.equal([5, 1]);
    expect([first!.fresh, second!.fresh]).to.deep.equal([true, false]);
    const [a, b] = sequences([3, 5]);
    const at = (s: Float32Array, t: number) => [...s.slice(2 * t, 2 * t + 2)];
    expect([...first!.batch.inputs]).to.deep.equal(
      [at(a!, 0), at(b!, 0), at(a!, 1), at(b!, 1), [0, 0], at(b!, 2)].flat(),
    );
    expect([...first!.batch.targets]).to.deep.equal(
      [at(a!, 1), at(b!, 1), at(a!, 2), at(b!, 2), [0, 0], at(b!, 3)].flat(),
    );
    expect([...second!.batch.targets]).to.deep.equal([[0, 0], at(b!, 4)].flat());
  });

  it('put the padding in front where the split says so', () => {
    const split = { ...frames([3, 5]), padding: 'front' } as const;
    const all = windows(evaluationWindows(split, frameTask, { batchSize: 2, steps: 3 }));
    expect(all.map(({ batch }) => batch.mask && [...batch.mask])).to.deep.equal([[0, 1, 0, 1, 1, 1], null]);
    expect(all.map(({ count }) => count)).to.deep.equal([4, 2]);
    expect(all.map(({ fresh }) => fresh)).to.deep.equal([true, false]);
    const [a, b] = sequences([3, 5]);
    const at = (s: Float32Array, t: number) => [...s.slice(2 * t, 2 * t + 2)];
    expect([...all[0]!.batch.inputs]).to.deep.equal(
      [[0, 0], at(b!, 0), [0, 0], at(b!, 1), at(a!, 0), at(b!, 2)].flat(),
    );
    expect([...all[0]!.batch.targets]).to.deep.equal(
      // What stands where the mask is 0 does not count: here the next step's input.
      [[0, 0], at(b!, 1), at(a!, 0), at(b!, 2), at(a!, 1), at(b!, 3)].flat(),
    );
    expect([...all[1]!.batch.inputs]).to.deep.equal([at(a!, 1), at(b!, 3)].flat());
    expect([...all[1]!.batch.targets]).to.deep.equal([at(a!, 2), at(b!, 4)].flat());
  });

  it('keep each sequence whole and in order under padding in front, across windows', () => {
    const split = { ...frames(lengths), padding: 'front' } as const;
    for (const steps of [1, 2, 5, 9]) {
      const all = windows(evaluationWindows(split, frameTask, { batchSize: 5, steps }));
      const usable = sequences(lengths).filter((sequence) => sequence.length > 2);
      usable.forEach((sequence, b) => {
        const counted = all.flatMap(({ batch: { inputs, targets, mask, steps, batch } }) =>
          Array.from({ length: steps }, (_, t) => t * batch + b)
            .filter((at) => mask === null || mask[at] === 1)
            .map((at) => [...inputs.slice(2 * at, 2 * at + 2), ...targets.slice(2 * at, 2 * at + 2)]),
        );
        const expected = Array.from({ length: sequence.length / 2 - 1 }, (_, t) => [
          ...sequence.slice(2 * t, 2 * t + 4),
        ]);
        expect(counted).to.deep.equal(expected);
      });
    }
  });

  it('count every frame but the first of each sequence once, whatever the sizes', () => {
    const padding = fc.constantFrom('front', 'end');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 9 }),
        padding,
        (batchSize, steps, where) => {
          const split = { ...frames(lengths), padding: where };
          const plans = [
            evaluationWindows(split, frameTask, { batchSize, steps }),
            trainingWindows(split, frameTask, { batchSize, bptt: steps, carryState: true }, order),
          ];
          const expected = sequences(lengths)
            .flatMap((s) => [...s.slice(2)])
            .sort();
          for (const plan of plans) {
            const targets = windows(plan).flatMap(({ batch: { targets, mask } }) =>
              [...targets].filter((_, i) => mask === null || mask[i >> 1] === 1),
            );
            expect(targets.sort()).to.deep.equal(expected);
            expect(windows(plan).reduce((sum, { count }) => sum + count, 0)).to.equal(expected.length / 2);
          }
        },
      ),
    );
  });

  it('reset the state between batches of sequences, or at each window', () => {
    const fresh = (carryState: boolean) =>
      windows(trainingWindows(frames([5, 5, 5]), frameTask, { batchSize: 2, bptt: 3, carryState }, order)).map(
        (w) => w.fresh,
      );
    expect(fresh(true)).to.deep.equal([true, false, true, false]);
    expect(fresh(false)).to.deep.equal([true, true, true, true]);
  });

  it('are shuffled by the epoch’s generator, the same for the same one', () => {
    const firsts = (epoch: string) =>
      windows(
        trainingWindows(frames(Array(12).fill(3)), frameTask, { ...options, bptt: 9 }, createRng(1).stream(epoch)),
      ).map(({ batch }) => Math.floor(batch.inputs[0]!));
    expect(firsts('epoch-1')).to.deep.equal(firsts('epoch-1'));
    expect(firsts('epoch-1')).to.not.deep.equal(firsts('epoch-2'));
  });

  it('refuse a split with nothing to predict, and values that are no whole frames', () => {
    expect(() => evaluationWindows(frames([1, 0]), frameTask, { batchSize: 1, steps: 4 }))
      .to.throw(RnnxError, /2 sequences of fewer than two frames/)
      .with.property('code', 'RNNX_DATA_TOO_SMALL');
    const broken = { kind: 'frames', sequences: [new Float32Array(5)] } as const;
    expect(() => trainingWindows(broken, frameTask, options, order))
      .to.throw(RnnxError, /5 values\n.*width 2/)
      .with.property('code', 'RNNX_SHAPE_MISMATCH');
  });
});

describe('windows', () => {
  it('refuse a split that does not fit the task', () => {
    const cases = [
      () => trainingWindows(frames([3]), languageTask, options, order),
      () => trainingWindows({ kind: 'tokens', tokens: tokens(9) }, frameTask, options, order),
    ];
    for (const run of cases) expect(run).to.throw(RnnxError, /task/).with.property('code', 'RNNX_SHAPE_MISMATCH');
  });
});
