import { createRng, type FusedSequenceRequest, fusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { countFused } from './fused.js';
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
} from './sequences.js';

export const fusedCellNames = Object.keys(fusedCells) as FusedCellName[];

/** Which perturbations a kernel takes. */
type Takes = (perturbation: PerturbationCase) => boolean;

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

function anyCase(cell: FusedCellName, takes: Takes): fc.Arbitrary<SequenceCase> {
  return fc.record({
    cell: fc.constant(cell),
    steps: fc.integer({ min: 1, max: 6 }),
    batch: fc.integer({ min: 1, max: 6 }),
    units: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 70 })),
    perturbations: fc.array(anyPerturbation(cell).filter(takes), { maxLength: 6 }),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
  });
}

interface Numbers {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** Everything that a case computes, read; fused or composed of tfjs's operations. */
async function compute(at: SequenceCase, fused: boolean): Promise<Record<string, Numbers>> {
  const inputs = sequenceInputs(at);
  const { result, sequences } = countFused(() => runSequence(at, inputs, fused));
  expect(sequences, 'fused runs').to.equal(fused ? 1 : 0);
  const entries = Object.entries(result).map(async ([name, tensor]) => {
    const { shape } = tensor;
    return [name, { shape, values: (await tensor.data()).slice() }] as const;
  });
  const numbers = Object.fromEntries(await Promise.all(entries));
  tf.dispose([result, inputs.x, inputs.dy, inputs.weights, inputs.values, inputs.state as never]);
  return numbers;
}

/** Both paths over one case, entry by entry. */
async function expectAgreement(at: SequenceCase, tolerance: number): Promise<void> {
  const [fused, composed] = [await compute(at, true), await compute(at, false)];
  expect(Object.keys(fused)).to.deep.equal(Object.keys(composed));
  for (const [name, expected] of Object.entries(composed)) {
    const actual = fused[name]!;
    expect(actual.shape, name).to.deep.equal(expected.shape);
    const terms = (at.steps * at.batch * at.units) / expected.values.length; // at most those of a broadcast value
    const apart = difference(actual.values, expected.values, Math.max(1, terms));
    expect(apart, `${name} of ${JSON.stringify(at)}`).to.be.below(tolerance);
  }
}

async function read(tensor: tf.Tensor): Promise<number[]> {
  return [...(await tensor.data())];
}

/**
 * Tests of a backend's `FusedKernels.sequence` against the composed path on the same backend, which is current while they run.
 *
 * @param runs random cases for each cell
 * @param tolerance largest difference, as `difference` counts it
 * @param takes which perturbations the kernels take; default: all
 */
export function testSequences({
  runs,
  tolerance,
  takes = () => true,
}: {
  readonly runs: number;
  readonly tolerance: number;
  readonly takes?: Takes;
}): void {
  const all = (cell: FusedCellName, gated = false) => everywhere(cell, gated).filter(takes);
  for (const cell of fusedCellNames) {
    it(`${cell}: states and every gradient are those of the composed path, whatever the shape and the perturbations`, () =>
      fc.assert(
        fc.asyncProperty(anyCase(cell, takes), (at) => expectAgreement(at, tolerance)),
        { seed: 20, numRuns: runs },
      ));

    it(`${cell}: several perturbations at every site act in their order`, () =>
      expectAgreement(
        { cell, steps: 4, batch: 3, units: 17, perturbations: [...all(cell), ...all(cell, true)], seed: 9 },
        tolerance,
      ));

    it(`${cell}: sizes beyond a tile and a thread's share`, () =>
      expectAgreement({ cell, steps: 3, batch: 37, units: 131, perturbations: all(cell, true), seed: 4 }, tolerance));

    it(`${cell}: keeps nothing, and gives the same bits, where no gradient is recorded`, async () => {
      const at: SequenceCase = { cell, steps: 6, batch: 3, units: 19, perturbations: all(cell, true), seed: 8 };
      const request = requestOf(at);
      const scored = fusedKernels().sequence!(request)!;
      let trained = scored;
      const run = (product: tf.Tensor) => {
        trained = fusedKernels().sequence!({ ...request, product: product as tf.Tensor3D })!;
        for (const tensor of [trained.hidden, ...Object.values(trained.state)]) tf.keep(tensor);
        return tf.sum(trained.hidden);
      };
      const before = tf.memory();
      tf.grad(run)(request.product).dispose();
      expect(await read(scored.hidden)).to.deep.equal(await read(trained.hidden));
      for (const [name, tensor] of Object.entries(scored.state))
        expect(await read(tensor), name).to.deep.equal(await read(trained.state[name]!));
      tf.dispose([trained.hidden, trained.state as never]);
      expect(tf.memory().numTensors, 'tensors left behind').to.equal(before.numTensors);
      expect(tf.memory().numDataBuffers, 'buffers left behind').to.equal(before.numDataBuffers);
    });

    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      it(`${cell}: ${odd} in the input spreads as in the composed path`, async () => {
        const at: SequenceCase = { cell, steps: 4, batch: 3, units: 5, perturbations: [], seed: 6 };
        const inputs = sequenceInputs(at);
        const values = Float32Array.from(await inputs.x.data());
        values[at.batch * 2 + 2] = odd; // step 1, example 1
        const given = { ...inputs, x: tf.tensor(values, inputs.x.shape) };
        const kinds = async (tensor: tf.Tensor) =>
          (await read(tensor)).map((v) => (Number.isNaN(v) ? 'NaN' : Number.isFinite(v) ? 'finite' : `${v}`));
        const [fused, composed] = [runSequence(at, given, true), runSequence(at, given, false)];
        if (Number.isNaN(odd)) expect(await kinds(composed.hidden!)).to.include('NaN');
        for (const name of ['hidden', 'loss', ...Object.keys(fused).filter((key) => key.startsWith('last'))])
          expect(await kinds(fused[name]!), name).to.deep.equal(await kinds(composed[name]!));
        // Where one path says NaN or infinity, the other must not say a number.
        for (const [name, tensor] of Object.entries(composed)) {
          const finite = (list: string[]) => list.map((kind) => kind === 'finite');
          expect(finite(await kinds(fused[name]!)), name).to.deep.equal(finite(await kinds(tensor)));
        }
      });
  }

  it('is not taken where it is switched off', () => {
    const at: SequenceCase = { cell: 'lstm', steps: 2, batch: 2, units: 3, perturbations: [], seed: 1 };
    const inputs = sequenceInputs(at);
    expect(countFused(() => runSequence(at, inputs, false)).sequences).to.equal(0);
    expect(countFused(() => runSequence(at, inputs, true)).sequences).to.equal(1);
  });

  it('reads tensors that hold integers and parts of other tensors', async () => {
    const request = requestOf({ cell: 'rnn-tanh', steps: 3, batch: 2, units: 4, perturbations: [], seed: 2 });
    const mask = tf.tensor3d([1, 0, 0, 1, 1, 1, 0, 1], [1, 2, 4], 'bool');
    const padded = tf.concat([tf.ones([2, 4]), request.weights.recurrent!, tf.ones([1, 4])], 0);
    const run = (value: tf.Tensor, recurrent: tf.Tensor) =>
      read(
        fusedKernels().sequence!({
          ...request,
          weights: { recurrent },
          perturbations: [{ site: 'hidden', kind: 'scale', value }],
        })!.hidden,
      );
    const expected = await run(tf.cast(mask, 'float32').clone(), request.weights.recurrent!);
    expect(expected.some((value) => value !== 0)).to.equal(true);
    expect(await run(mask, tf.slice(padded, [2, 0], [4, 4]))).to.deep.equal(expected);
    expect(await run(tf.tensor3d([1, 0, 0, 1, 1, 1, 0, 1], [1, 2, 4]), request.weights.recurrent!)).to.deep.equal(
      expected,
    );
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
