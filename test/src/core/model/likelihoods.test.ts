import { createRng, type Likelihood, likelihoods } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { relativeError } from '../../support/reference-model.js';

/** -log p in double precision from the textbook formula of each family, not from A(η). */
const closedForms: Readonly<
  Record<keyof typeof likelihoods, (eta: readonly number[], y: readonly number[]) => number>
> = {
  categorical: (eta, [label]) => {
    const largest = Math.max(...eta);
    const total = eta.reduce((sum, x) => sum + Math.exp(x - largest), 0);
    return -(eta[label!]! - largest - Math.log(total));
  },
  // -y log p - (1-y) log(1-p), with log p = -log(1 + exp(-η)).
  bernoulli: (eta, y) => eta.reduce((sum, x, i) => sum + (y[i] === 1 ? softplus(-x) : softplus(x)), 0),
  gaussian: (eta, y) =>
    eta.reduce((sum, x, i) => sum - Math.log(Math.exp(-0.5 * (y[i]! - x) ** 2) / Math.sqrt(2 * Math.PI)), 0),
};

function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

interface Problem {
  readonly n: number;
  readonly h: number;
  readonly o: number;
  readonly hidden: Float64Array;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  readonly targets: readonly (readonly number[])[];
}

function randomProblem(family: keyof typeof likelihoods, n: number, h: number, o: number, scale = 1): Problem {
  const rng = createRng(12).stream(`${family} ${n} ${h} ${o}`);
  const draw = (name: string, count: number) =>
    Float64Array.from(rng.stream(name).normals(count), (x) => Math.fround(x * scale));
  const target = (i: number): number[] => {
    const own = rng.stream(`target ${i}`);
    if (family === 'categorical') return [Math.floor(own.uniforms(1)[0]! * o)];
    if (family === 'bernoulli') return Array.from(own.uniforms(o), (u) => (u < 0.4 ? 1 : 0));
    return Array.from(own.normals(o));
  };
  return {
    n,
    h,
    o,
    hidden: draw('hidden', n * h),
    weight: draw('weight', o * h),
    bias: draw('bias', o),
    targets: Array.from({ length: n }, (_, i) => target(i)),
  };
}

function naturalParameters({ h, o, hidden, weight, bias }: Problem, row: number): number[] {
  return Array.from({ length: o }, (_, k) => {
    let eta = bias[k]!;
    for (let j = 0; j < h; j++) eta += hidden[row * h + j]! * weight[k * h + j]!;
    return eta;
  });
}

function exactNll(family: keyof typeof likelihoods, problem: Problem): number[] {
  return problem.targets.map((y, row) => closedForms[family](naturalParameters(problem, row), y));
}

function tensors(family: keyof typeof likelihoods, { n, h, o, hidden, weight, bias, targets }: Problem) {
  const flat = targets.flat();
  return {
    hidden: tf.tensor2d(Float32Array.from(hidden), [n, h]),
    weight: tf.tensor2d(Float32Array.from(weight), [o, h]),
    bias: tf.tensor1d(Float32Array.from(bias)),
    targets: family === 'categorical' ? tf.tensor1d(flat, 'int32') : tf.tensor2d(flat, [n, o]),
  };
}

/** NLL of each row and the gradient of a weighted sum of them, by hidden, weight and bias. */
async function evaluate(likelihood: Likelihood, given: ReturnType<typeof tensors>, rowWeights: readonly number[]) {
  const { hidden, weight, bias, targets } = given;
  const nll = likelihood.nll(hidden, weight, bias, targets);
  const gradient = tf.grads((...[h, v, b]: tf.Tensor[]) =>
    tf.sum(tf.mul(likelihood.nll(h as tf.Tensor2D, v as tf.Tensor2D, b as tf.Tensor1D, targets), [...rowWeights])),
  );
  const gradients = gradient([hidden, weight, bias]);
  const read = { nll: await nll.data(), gradients: await Promise.all(gradients.map((tensor) => tensor.data())) };
  tf.dispose([nll, gradients, given]);
  return read;
}

const families = Object.keys(likelihoods) as (keyof typeof likelihoods)[];

describe('likelihoods', () => {
  for (const family of families) {
    for (const [n, h, o] of [
      [1, 1, 1],
      [5, 3, 7],
      [4, 9, 2],
    ] as const)
      it(`${family} [${n}, ${h}] to ${o}: value and gradients against the closed form in double precision`, async () => {
        const problem = randomProblem(family, n, h, o);
        const rowWeights = Array.from({ length: n }, (_, i) => 0.5 + i);
        const actual = await evaluate(likelihoods[family], tensors(family, problem), rowWeights);
        const exact = exactNll(family, problem);
        expect(actual.nll).to.have.length(n);
        for (const [i, nll] of exact.entries()) expect(actual.nll[i]).to.be.closeTo(nll, 1e-5 * Math.max(1, nll));
        for (const [index, name] of (['hidden', 'weight', 'bias'] as const).entries()) {
          const expected = Float64Array.from(problem[name], (value, i) => {
            const sum = (shift: number) => {
              problem[name][i] = value + shift;
              const total = exactNll(family, problem).reduce((all, nll, row) => all + rowWeights[row]! * nll, 0);
              problem[name][i] = value;
              return total;
            };
            return (sum(1e-5) - sum(-1e-5)) / 2e-5;
          });
          const magnitude = Math.max(...expected.map(Math.abs));
          // A single category is certain: its gradient is zero and has no relative error.
          if (magnitude < 1e-9) for (const value of actual.gradients[index]!) expect(value).to.be.closeTo(0, 1e-6);
          else expect(relativeError(actual.gradients[index]!, expected), name).to.be.below(1e-5);
        }
      });
  }

  for (const logit of [80, -80, 200, -200])
    for (const family of ['categorical', 'bernoulli'] as const)
      it(`${family} stays finite and exact at logit ${logit}`, async () => {
        const targets =
          family === 'categorical'
            ? [[0], [1]]
            : [
                [1, 0],
                [0, 1],
              ];
        const problem: Problem = {
          n: 2,
          h: 1,
          o: 2,
          hidden: Float64Array.of(1, 1),
          weight: Float64Array.of(logit, 0.5),
          bias: Float64Array.of(0, 0),
          targets,
        };
        const { nll, gradients } = await evaluate(likelihoods[family], tensors(family, problem), [1, 1]);
        for (const [i, exact] of exactNll(family, problem).entries())
          expect(nll[i]).to.be.closeTo(exact, 1e-5 * Math.max(1, Math.abs(exact)));
        for (const gradient of gradients) for (const value of gradient) expect(Number.isFinite(value)).to.equal(true);
      });

  it('categorical keeps the NLL of a sure prediction at zero or above', async () => {
    const problem = { ...randomProblem('categorical', 1, 1, 3), hidden: Float64Array.of(1), targets: [[2]] };
    problem.weight.set([0, 0, 40]);
    problem.bias.fill(0);
    const { nll } = await evaluate(likelihoods.categorical, tensors('categorical', problem), [1]);
    expect(nll[0]).to.be.within(0, 1e-6);
  });

  it('categorical handles a large label set, first and last label included', async () => {
    const [n, h, o] = [6, 4, 10_000];
    const problem = {
      ...randomProblem('categorical', n, h, o, 0.3),
      targets: [[0], [9_999], [5_000], [0], [1], [9_998]],
    };
    const { nll, gradients } = await evaluate(
      likelihoods.categorical,
      tensors('categorical', problem),
      [1, 1, 1, 1, 1, 1],
    );
    const exact = exactNll('categorical', problem);
    expect(relativeError(nll, exact)).to.be.below(1e-6);
    // dL/dη = p - onehot, row by row.
    const [dHidden, dWeight, dBias] = gradients;
    const difference = problem.targets.map(([label], row) => {
      const eta = naturalParameters(problem, row);
      return eta.map((x, k) => Math.exp(-exact[row]! + x - eta[label!]!) - (k === label ? 1 : 0));
    });
    const bias = Array.from({ length: o }, (_, k) => difference.reduce((sum, row) => sum + row[k]!, 0));
    expect(relativeError(dBias!, bias)).to.be.below(1e-5);
    const weight = new Float64Array(o * h);
    const hidden = new Float64Array(n * h);
    for (const [row, delta] of difference.entries())
      for (const [k, d] of delta.entries())
        for (let j = 0; j < h; j++) {
          weight[k * h + j]! += d * problem.hidden[row * h + j]!;
          hidden[row * h + j]! += d * problem.weight[k * h + j]!;
        }
    expect(relativeError(dWeight!, weight)).to.be.below(1e-5);
    expect(relativeError(dHidden!, hidden)).to.be.below(1e-5);
  });

  it('categorical adds the gradients of repeated labels', async () => {
    const problem = { ...randomProblem('categorical', 3, 2, 4), targets: [[1], [1], [1]] };
    const { gradients } = await evaluate(likelihoods.categorical, tensors('categorical', problem), [1, 1, 1]);
    const exact = exactNll('categorical', problem);
    expect(gradients[2]![1]).to.be.closeTo(
      exact.reduce((sum, nll) => sum + Math.exp(-nll) - 1, 0),
      1e-5,
    );
  });

  for (const family of families)
    it(`${family} sums to one over its outcomes`, async () => {
      const problem = randomProblem(family, 1, 2, 3);
      const grid = Array.from({ length: 241 }, (_, i) => -12 + i * 0.1);
      const outcomes: number[][] =
        family === 'categorical'
          ? [[0], [1], [2]]
          : family === 'bernoulli'
            ? Array.from({ length: 8 }, (_, i) => [i & 1, (i >> 1) & 1, (i >> 2) & 1])
            : grid.map((y) => [y, 0, 0]);
      const eta = naturalParameters(problem, 0);
      let total = 0;
      for (const targets of outcomes) {
        const given = tensors(family, { ...problem, targets: [targets] });
        const nll = likelihoods[family].nll(given.hidden, given.weight, given.bias, given.targets);
        total += Math.exp(-(await nll.data())[0]!);
        tf.dispose([nll, given]);
      }
      // For the Gaussian: the integral over the first output, the density of the others at 0 divided out.
      const others = (eta[1]! ** 2 + eta[2]! ** 2) / 2 + Math.log(2 * Math.PI);
      expect(family === 'gaussian' ? 0.1 * total * Math.exp(others) : total).to.be.closeTo(1, 1e-5);
    });
});
