import { findAddon } from '@rnnx/backend-native';
import { createRng, type FusedSequenceRequest, fusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { countFused, onNative } from '../../support/native.js';
import {
  createCell,
  difference,
  everywhere,
  type FusedCellName,
  fusedCells,
  kindsAt,
  matrixName,
  type PerturbationCase,
  runSequence,
  type SequenceCase,
  sequenceInputs,
  sitesOf,
} from '../../support/sequences.js';
import { instructionSets, runProgram } from './addon/open.js';

const names = Object.keys(fusedCells) as FusedCellName[];

function anyPerturbation(cell: FusedCellName): fc.Arbitrary<PerturbationCase> {
  const shape = fc.oneof(
    { weight: 1, arbitrary: fc.constant('scalar' as const) },
    { weight: 8, arbitrary: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()) },
  );
  return fc.constantFrom(...sitesOf(cell)).chain((site) =>
    fc.record({
      site: fc.constant(site),
      kind: fc.constantFrom(...kindsAt(site)),
      shape,
      gated: site === 'recurrent' ? fc.boolean() : fc.constant(false),
      matrix: fc.nat({ max: 1 }),
    }),
  );
}

function anyCase(cell: FusedCellName): fc.Arbitrary<SequenceCase> {
  return fc.record({
    cell: fc.constant(cell),
    steps: fc.integer({ min: 1, max: 6 }),
    batch: fc.integer({ min: 1, max: 6 }),
    units: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 70 })),
    perturbations: fc.array(anyPerturbation(cell), { maxLength: 6 }),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
  });
}

/** Both paths over one case, entry by entry. */
async function expectAgreement(at: SequenceCase, tolerance: number): Promise<void> {
  const inputs = sequenceInputs(at);
  const { result: fused, sequences } = countFused(() => runSequence(at, inputs, true));
  const composed = runSequence(at, inputs, false);
  expect(sequences, 'fused runs').to.equal(1);
  expect(Object.keys(fused)).to.deep.equal(Object.keys(composed));
  for (const [name, expected] of Object.entries(composed)) {
    const actual = fused[name]!;
    expect(actual.shape, name).to.deep.equal(expected.shape);
    const terms = (at.steps * at.batch * at.units) / expected.size; // at most those of a broadcast value
    const apart = difference(await actual.data(), await expected.data(), Math.max(1, terms));
    expect(apart, `${name} of ${JSON.stringify(at)}`).to.be.below(tolerance);
  }
  tf.dispose([fused, composed, inputs.x, inputs.dy, inputs.weights, inputs.values, inputs.state as never]);
}

/** The bits of everything that a case computes. */
function bitsOf(at: SequenceCase): Record<string, number[]> {
  const inputs = sequenceInputs(at);
  const results = runSequence(at, inputs, true);
  const bits = Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [
      name,
      [...new Int32Array(Float32Array.from(tensor.dataSync()).buffer)],
    ]),
  );
  tf.dispose([results, inputs.x, inputs.dy, inputs.weights, inputs.values, inputs.state as never]);
  return bits;
}

describe('whole sequences as one native kernel', () => {
  onNative();

  for (const cell of names) {
    it(`${cell}: states and every gradient are those of the composed path, whatever the shape and the perturbations`, () =>
      fc.assert(
        fc.asyncProperty(anyCase(cell), (at) => expectAgreement(at, 1e-5)),
        { seed: 20, numRuns: 120 },
      ));

    it(`${cell}: several perturbations at every site act in their order`, () =>
      expectAgreement(
        {
          cell,
          steps: 4,
          batch: 3,
          units: 17,
          perturbations: [...everywhere(cell), ...everywhere(cell, true)],
          seed: 9,
        },
        1e-5,
      ));

    it(`${cell}: gradients are those of finite differences`, async () => {
      const perturbations = everywhere(cell, true);
      const at: SequenceCase = { cell, steps: 3, batch: 2, units: 6, perturbations, seed: 12 };
      const inputs = sequenceInputs(at);
      const result = runSequence(at, inputs, true);
      const { dy: _, ...moving } = inputs;
      const tensors = tensorsOf(moving);
      const gradients = [
        result['d x']!,
        ...Object.keys(result).flatMap((name) => (/^d (?!x$|first|value)/.test(name) ? [result[name]!] : [])),
        ...Object.keys(result).flatMap((name) => (name.startsWith('d value') ? [result[name]!] : [])),
        ...Object.keys(result).flatMap((name) => (name.startsWith('d first') ? [result[name]!] : [])),
      ];
      expect(gradients.map(({ shape }) => shape)).to.deep.equal(tensors.map(({ shape }) => shape));
      for (const [i, tensor] of tensors.entries()) {
        const direction = tf.sub(createRng(i).uniform(tensor.shape), 0.5);
        const lossAt = (h: number): number => {
          const moved = replaceTensor(moving, tensor, tf.add(tensor, tf.mul(direction, h)));
          return runSequence(at, { ...inputs, ...moved }, true).loss!.dataSync()[0]!;
        };
        const h = 0.02;
        const slope = (8 * (lossAt(h) - lossAt(-h)) - (lossAt(2 * h) - lossAt(-2 * h))) / (12 * h);
        const expected = (await tf.sum(tf.mul(gradients[i]!, direction)).data())[0]!;
        // A loss in single precision: differences over 0.02 are good to some 1e-4.
        expect(slope, `input ${i} [${tensor.shape}]`).to.be.closeTo(expected, 2e-3 * Math.max(0.2, Math.abs(expected)));
      }
    });

    it(`${cell}: sizes beyond a tile and a thread's share`, () =>
      expectAgreement({ cell, steps: 3, batch: 29, units: 131, perturbations: everywhere(cell, true), seed: 4 }, 1e-5));

    it(`${cell}: the same bits on one thread and on several`, () => {
      const found = findAddon();
      if ('reason' in found) throw new Error(found.reason);
      const at = { cell, steps: 5, batch: 13, units: 150, perturbations: everywhere(cell, true), seed: 3 };
      const threads = found.addon.threadCount();
      try {
        found.addon.setThreadCount(1);
        const alone = bitsOf(at);
        for (const count of [2, 3, 5]) {
          found.addon.setThreadCount(count);
          expect(bitsOf(at), `${count} threads`).to.deep.equal(alone);
        }
      } finally {
        found.addon.setThreadCount(threads);
      }
    });

    it(`${cell}: keeps nothing, and gives the same bits, where no gradient is recorded`, () => {
      const at: SequenceCase = { cell, steps: 6, batch: 3, units: 19, perturbations: everywhere(cell, true), seed: 8 };
      const request = requestOf(at);
      const scored = fusedKernels().sequence!(request)!;
      let trained = scored;
      const run = (product: tf.Tensor) => {
        trained = fusedKernels().sequence!({ ...request, product: product as tf.Tensor3D })!;
        for (const tensor of [trained.hidden, ...Object.values(trained.state)]) tf.keep(tensor);
        return tf.sum(trained.hidden);
      };
      tf.grad(run)(request.product);
      expect([...scored.hidden.dataSync()]).to.deep.equal([...trained.hidden.dataSync()]);
      for (const [name, tensor] of Object.entries(scored.state))
        expect([...tensor.dataSync()], name).to.deep.equal([...trained.state[name]!.dataSync()]);
    });

    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      it(`${cell}: ${odd} in the input spreads as in the composed path`, async () => {
        const at: SequenceCase = { cell, steps: 4, batch: 3, units: 5, perturbations: [], seed: 6 };
        const inputs = sequenceInputs(at);
        const values = Float32Array.from(await inputs.x.data());
        values[at.batch * 2 + 2] = odd; // step 1, example 1
        const given = { ...inputs, x: tf.tensor(values, inputs.x.shape) };
        const kinds = (tensor: tf.Tensor) =>
          [...tensor.dataSync()].map((v) => (Number.isNaN(v) ? 'NaN' : Number.isFinite(v) ? 'finite' : `${v}`));
        const [fused, composed] = [runSequence(at, given, true), runSequence(at, given, false)];
        if (Number.isNaN(odd)) expect(kinds(composed.hidden!)).to.include('NaN');
        for (const name of ['hidden', 'loss', ...Object.keys(fused).filter((key) => key.startsWith('last'))])
          expect(kinds(fused[name]!), name).to.deep.equal(kinds(composed[name]!));
        // Where one path says NaN or infinity, the other must not say a number.
        for (const [name, tensor] of Object.entries(composed)) {
          const finite = (list: string[]) => list.map((kind) => kind === 'finite');
          expect(finite(kinds(fused[name]!)), name).to.deep.equal(finite(kinds(tensor)));
        }
      });
  }

  it('agrees with the composed path on every instruction set of this processor', () => {
    for (const isa of instructionSets()) {
      const worst = runProgram('sequences', { RNNX_NATIVE_ISA: isa }) as Record<string, number>;
      expect(Object.keys(worst)).to.have.members(names);
      for (const [cell, apart] of Object.entries(worst)) expect(apart, `${cell} on ${isa}`).to.be.below(1e-5);
    }
  });

  it('is not taken where it is switched off', () => {
    const at: SequenceCase = { cell: 'lstm', steps: 2, batch: 2, units: 3, perturbations: [], seed: 1 };
    const inputs = sequenceInputs(at);
    expect(countFused(() => runSequence(at, inputs, false)).sequences).to.equal(0);
    expect(countFused(() => runSequence(at, inputs, true)).sequences).to.equal(1);
  });

  it('reads tensors that hold integers and parts of other tensors', () => {
    const request = requestOf({ cell: 'rnn-tanh', steps: 3, batch: 2, units: 4, perturbations: [], seed: 2 });
    const mask = tf.tensor3d([1, 0, 0, 1, 1, 1, 0, 1], [1, 2, 4], 'bool');
    const padded = tf.concat([tf.ones([2, 4]), request.weights.recurrent!, tf.ones([1, 4])], 0);
    const run = (value: tf.Tensor, recurrent: tf.Tensor) =>
      fusedKernels().sequence!({
        ...request,
        weights: { recurrent },
        perturbations: [{ site: 'hidden', kind: 'scale', value }],
      })!.hidden.dataSync();
    const expected = run(tf.cast(mask, 'float32').clone(), request.weights.recurrent!);
    expect([...run(mask, tf.slice(padded, [2, 0], [4, 4]))]).to.deep.equal([...expected]);
  });

  it('refuses a second derivative rather than giving zero', () => {
    const at: SequenceCase = { cell: 'rnn-tanh', steps: 2, batch: 1, units: 2, perturbations: [], seed: 5 };
    const request = requestOf(at);
    const first = (product: tf.Tensor) =>
      tf.sum(
        tf.grad((p) => tf.sum(fusedKernels().sequence!({ ...request, product: p as tf.Tensor3D })!.hidden))(product),
      );
    expect(() => tf.grad(first)(request.product))
      .to.throw(/second derivative/)
      .with.property('code', 'RNNX_OPTION_INVALID');
  });

  it('refuses a disposed weight', () => {
    const request = requestOf({ cell: 'lstm', steps: 2, batch: 1, units: 2, perturbations: [], seed: 5 });
    request.weights.recurrent!.dispose();
    expect(() => fusedKernels().sequence!(request)).to.throw(/disposed/);
  });
});

type Inputs = Omit<ReturnType<typeof sequenceInputs>, 'dy'>;

/** In the order of the gradients. */
function tensorsOf({ x, weights, values, state }: Inputs): tf.Tensor[] {
  return [x, ...weights, ...values, ...Object.values(state)];
}

function replaceTensor({ x, weights, values, state }: Inputs, one: tf.Tensor, by: tf.Tensor): Inputs {
  const swap = <T extends tf.Tensor>(tensor: T) => (tensor === (one as tf.Tensor) ? (by as T) : tensor);
  const swapped = Object.entries(state).map(([name, tensor]) => [name, swap(tensor)] as const);
  return { x: swap(x), weights: weights.map(swap), values: values.map(swap), state: Object.fromEntries(swapped) };
}

/** A request for the kernel itself; its tensors live until the process ends or the test disposes them. */
function requestOf(at: SequenceCase): FusedSequenceRequest {
  const { weights, values, state } = sequenceInputs(at);
  const cell = createCell(at.cell);
  const layout = cell.build(2, at.units);
  const shape: [number, number, number] = [at.steps, at.batch, layout.gates.length * at.units];
  return {
    cell: cell.fused!,
    product: tf.tensor3d(createRng(at.seed).uniforms(shape[0] * shape[1] * shape[2]), shape),
    weights: Object.fromEntries(layout.parameters.map(({ name }, i) => [name, weights[i]!])),
    state,
    perturbations: at.perturbations.flatMap(({ site, kind, matrix }, i) =>
      site === 'initial' ? [] : [{ site, kind, weight: matrixName(layout, matrix), value: values[i]! }],
    ),
  };
}
