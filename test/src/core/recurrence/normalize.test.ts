import { createRng, type Normalization, Normalizer, type Perturbation, type RnnxError, SitePlan } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { relativeError } from '../../support/reference-model.js';

const [T, B, N] = [3, 5, 4];
const rng = createRng(7);
const draw = (name: string, ...shape: number[]) => tf.tidy(() => tf.add(rng.stream(name).uniform(shape), 0.5));
const epsilon = 1e-3;

let x: tf.Tensor3D;
let gamma: tf.Tensor;
let beta: tf.Tensor;
let mask: tf.Tensor;
let statistics: { mean: tf.Tensor; variance: tf.Tensor };

/** The formula in double precision. */
function reference({ counted, population }: { counted?: ArrayLike<number>; population?: typeof statistics } = {}) {
  const [from, g, b] = [x, gamma, beta].map((tensor) => tensor.dataSync());
  const [means, variances] = [population?.mean.dataSync(), population?.variance.dataSync()];
  const result = new Float64Array(T * B * N);
  for (let t = 0; t < T; t++)
    for (let j = 0; j < N; j++) {
      const rows = Array.from({ length: B }, (_, row) => row).filter((row) => (counted?.[t * B + row] ?? 1) === 1);
      const at = (row: number) => from![(t * B + row) * N + j]!;
      const average = (f: (row: number) => number) =>
        rows.reduce((sum, row) => sum + f(row), 0) / Math.max(1, rows.length);
      const mean = means?.[t * N + j] ?? average(at);
      const variance = variances?.[j] ?? average((row) => (at(row) - mean) ** 2);
      for (let row = 0; row < B; row++)
        result[(t * B + row) * N + j] = ((at(row) - mean) / Math.sqrt(variance + epsilon)) * g![j]! + b![j]!;
    }
  return result;
}

describe('batch normalisation as a perturbation', () => {
  before(() => {
    x = draw('x', T, B, N) as tf.Tensor3D;
    gamma = draw('gamma', N);
    beta = draw('beta', N);
    mask = tf.tensor2d([1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1], [T, B]);
    statistics = { mean: draw('mean', T, 1, N), variance: draw('variance', 1, 1, N) };
  });
  after(() => tf.dispose([x, gamma, beta, mask, statistics.mean, statistics.variance]));

  const cases: readonly [string, () => readonly [Normalization, Float64Array]][] = [
    ['the minibatch', () => [{ gamma, beta, epsilon }, reference()]],
    ['the examples that count', () => [{ gamma, beta, epsilon, mask }, reference({ counted: mask.dataSync() })]],
    ['a population', () => [{ gamma, beta, epsilon, statistics, mask }, reference({ population: statistics })]],
  ];
  for (const [whose, given] of cases)
    it(`normalises with the statistics of ${whose}, all steps at once and each by itself`, async () => {
      const [normalization, expected] = given();
      const all = new Normalizer(normalization).apply(x, undefined, undefined);
      expect(relativeError(await all.data(), expected)).to.be.below(1e-5);
      const normalizer = new Normalizer(normalization);
      const step = (t: number, [first, end]: [number, number]) =>
        normalizer.apply(tf.slice(x, [t, 0, first], [1, B, end - first]).squeeze([0]), t, [first, end]);
      const parts = Array.from({ length: T }, (_, t) => tf.concat([step(t, [0, 1]), step(t, [1, N])], 1));
      expect(relativeError(await tf.stack(parts).data(), expected)).to.be.below(1e-5);
    });

  it('shows the statistics of the minibatch, with the columns that they belong to', async () => {
    const seen: string[] = [];
    let shown: tf.Tensor | undefined;
    const observe: NonNullable<Normalization['observe']> = (mean, variance, t, column) => {
      seen.push(`${mean.shape}/${variance.shape}/${t}/${column}`);
      shown ??= variance;
    };
    const normalizer = new Normalizer({ gamma, epsilon, observe });
    normalizer.apply(x, undefined, undefined);
    normalizer.apply(tf.zeros([B, 2]), 1, [2, 4]);
    expect(seen).to.deep.equal([`${T},1,${N}/${T},1,${N}/undefined/0`, '1,2/1,2/1/2']);
    expect(relativeError(await shown!.data(), await tf.moments(x, 1).variance.data())).to.be.below(1e-5);
  });

  describe('is refused', () => {
    const layer = { inputSize: 4, hiddenSize: N, gates: 1, inputWeight: { name: 'input', shape: [4, N] } };
    const model = {
      vocabularySize: 7,
      sites: [],
      layers: [{ ...layer, recurrentWeights: [{ name: 'recurrent', shape: [N, N] }] }],
      outputWeight: [1, N],
    } as const;
    type Normalize = Extract<Perturbation, { kind: 'normalize' }>;
    const right = (): Normalize => ({ site: 'hidden', layer: 0, kind: 'normalize', gamma, beta, epsilon });
    const cases: readonly [string, () => Partial<Normalize>][] = [
      ['with a scale of another width', () => ({ gamma: tf.ones([5]) })],
      ['with a shift of another rank', () => ({ beta: tf.ones([1, N]) })],
      ['with another mask', () => ({ mask: tf.ones([T, 4]) })],
      ['with statistics of other steps', () => ({ statistics: { ...statistics, mean: tf.ones([2, 1, N]) } })],
      ['with an epsilon of 0', () => ({ epsilon: 0 })],
      ['with an epsilon that is no number', () => ({ epsilon: Number.NaN })],
      ['on a weight', () => ({ site: 'weights.recurrent' })],
      ['on the first state', () => ({ site: 'initial' })],
    ];
    for (const [what, wrong] of cases)
      it(what, () => {
        const plan = (p: Perturbation) => () => new SitePlan([{ owner: 'test', perturbation: p }], model, T, B);
        expect(plan(right())).not.to.throw();
        expect(plan({ ...right(), ...wrong() }))
          .to.throw()
          .with.property('code', 'RNNX_PERTURBATION_INVALID' satisfies RnnxError['code']);
      });
  });
});
