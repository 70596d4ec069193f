import { categorical, createRng, enableFusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { countFused } from '../../support/fused.js';
import { difference } from '../../support/sequences.js';
import { onWebGpu } from '../../support/webgpu.js';

/** Losses of rows and the gradients of Σ dy nll, read. */
async function lossOf(
  rows: number,
  inputs: number,
  outputs: number,
  fused: boolean,
): Promise<Record<string, Float32Array>> {
  const rng = createRng(rows + outputs);
  const draw = (name: string, shape: number[]) => tf.tidy(() => tf.sub(rng.stream(name).uniform(shape), 0.5));
  const [hidden, weight, bias, dy] = [
    draw('h', [rows, inputs]),
    draw('v', [outputs, inputs]),
    draw('b', [outputs]),
    draw('dy', [rows]),
  ];
  const labels = tf.tensor1d(
    Int32Array.from(rng.stream('labels').uniforms(rows), (u) => Math.floor(u * outputs)),
    'int32',
  );
  try {
    let nll: tf.Tensor | undefined;
    const { result, losses } = countFused(() => {
      enableFusedKernels(fused); // inside: what counts has to find them
      return tf.valueAndGrads((h, v, b) => {
        nll = tf.keep(categorical.nll(h as tf.Tensor2D, v as tf.Tensor2D, b as tf.Tensor1D, labels));
        return tf.sum(tf.mul(nll, dy!));
      })([hidden!, weight!, bias!]);
    });
    expect(losses).to.equal(fused ? 1 : 0);
    const [dHidden, dWeight, dBias] = result.grads as [tf.Tensor, tf.Tensor, tf.Tensor];
    const read = { nll: nll!, dHidden, dWeight, dBias };
    const entries = await Promise.all(
      Object.entries(read).map(async ([name, tensor]) => [name, Float32Array.from(await tensor.data())] as const),
    );
    tf.dispose([read, result.value, hidden!, weight!, bias!, dy!, labels]);
    return Object.fromEntries(entries);
  } finally {
    enableFusedKernels(true);
  }
}

describe('output layer and cross-entropy in WGSL', function () {
  this.timeout(300_000); // software drivers compile every kernel for the processor
  onWebGpu();

  for (const [rows, inputs, outputs] of [
    [1, 1, 1],
    [3, 5, 2],
    [40, 17, 255],
    [33, 8, 700],
    [300, 20, 2500],
  ] as const)
    it(`gives the losses and gradients of the composed path, [${rows}, ${inputs}] to ${outputs}`, async () => {
      await lossOf(rows, inputs, outputs, true); // the first may fill caches
      const { numTensors, numDataBuffers } = tf.memory();
      const actual = await lossOf(rows, inputs, outputs, true);
      expect(tf.memory()).to.include({ numTensors, numDataBuffers });
      const expected = await lossOf(rows, inputs, outputs, false);
      for (const [name, values] of Object.entries(expected))
        expect(difference(actual[name]!, values), name).to.be.below(1e-5);
    });

  it('is exact where one logit dwarfs the others, and passes NaN on to its row alone', async () => {
    const weight = tf.tensor2d([[1], [-1], [0]]);
    const hidden = tf.tensor2d([[1e4], [Number.NaN], [0]]);
    const labels = tf.tensor1d([1, 0, 2], 'int32');
    const [sure, nan, even] = await categorical.nll(hidden, weight, tf.zeros([3]) as tf.Tensor1D, labels).data();
    expect(sure).to.equal(2e4);
    expect(nan).to.be.NaN;
    expect(even).to.be.closeTo(Math.log(3), 1e-6);
  });

  it('gives NaN for a label that is no outcome', async () => {
    const [weight, hidden] = [tf.ones([4, 2]) as tf.Tensor2D, tf.ones([3, 2]) as tf.Tensor2D];
    const labels = tf.tensor1d([4, -1, 3], 'int32');
    const [large, negative, good] = await categorical.nll(hidden, weight, tf.zeros([4]) as tf.Tensor1D, labels).data();
    expect(large).to.be.NaN;
    expect(negative).to.be.NaN;
    expect(good).to.be.closeTo(Math.log(4), 1e-6);
  });
});

describe('rows added up by labels in WGSL', function () {
  this.timeout(300_000);
  onWebGpu();

  it('are the sums of each label, zero where there is none, without labels out of range', async () => {
    const [rows, columns, count] = [200, 301, 50];
    const x = createRng(5).uniforms(rows * columns);
    const ids = Int32Array.from(createRng(6).uniforms(rows), (u) => Math.floor(u * 60) - 5);
    const expected = new Float64Array(count * columns);
    for (const [n, id] of ids.entries())
      if (id >= 0 && id < count) for (let j = 0; j < columns; j++) expected[id * columns + j]! += x[n * columns + j]!;
    const sums = () => tf.unsortedSegmentSum(tf.tensor2d(x, [rows, columns]), tf.tensor1d(ids, 'int32'), count).data();
    const [first, second] = [(await sums()).slice(), await sums()];
    expect(difference(first, expected)).to.be.below(1e-6);
    expect([...second], 'the same bits').to.deep.equal([...first]);
  });
});
