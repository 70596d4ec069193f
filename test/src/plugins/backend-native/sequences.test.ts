import { findAddon } from '@rnnx/backend-native';
import { createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { onNative } from '../../support/native.js';
import { fusedCellNames, testSequences } from '../../support/sequence-suite.js';
import { everywhere, runSequence, type SequenceCase, sequenceInputs } from '../../support/sequences.js';
import { instructionSets, runProgram } from './addon/open.js';

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

/** What one thread computes, several do. */
function expectSameBits(at: SequenceCase, threads: readonly number[]): void {
  const found = findAddon();
  if ('reason' in found) throw new Error(found.reason);
  const before = found.addon.threadCount();
  try {
    found.addon.setThreadCount(1);
    const alone = bitsOf(at);
    for (const count of threads) {
      found.addon.setThreadCount(count);
      expect(bitsOf(at), `${count} threads`).to.deep.equal(alone);
    }
  } finally {
    found.addon.setThreadCount(before);
  }
}

describe('whole sequences as one native kernel', () => {
  onNative();
  testSequences({ runs: 120, tolerance: 1e-5 });

  for (const cell of fusedCellNames) {
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

    it(`${cell}: the same bits on one thread and on several`, () => {
      const at = { cell, steps: 5, batch: 13, units: 150, perturbations: everywhere(cell, true), seed: 3 };
      expectSameBits(at, [2, 3, 5]);
    });

    it(`${cell}: the same bits whether threads share the examples or the columns`, () => {
      // Values of examples of their own may be split by examples, shared ones by columns alone.
      const perturbations = fc.constantFrom('none', 'own', 'any').map((kind) =>
        everywhere(cell, true).filter(({ site, shape }) => {
          if (kind !== 'own') return kind === 'any';
          return site !== 'weights.recurrent' && shape !== 'scalar' && shape[1];
        }),
      );
      const cases = fc.record({
        cell: fc.constant(cell),
        steps: fc.integer({ min: 1, max: 4 }),
        batch: fc.integer({ min: 1, max: 31 }),
        units: fc.integer({ min: 1, max: 75 }),
        perturbations,
        seed: fc.nat(),
      });
      fc.assert(
        fc.property(cases, (at) => expectSameBits(at, [2, 3, 4])),
        { numRuns: 25 },
      );
    });
  }

  it('gives the same bits where weights are larger than a core’s cache', () => {
    expectSameBits({ cell: 'lstm', steps: 2, batch: 21, units: 270, perturbations: [], seed: 4 }, [2, 3]);
  });

  it('agrees with the composed path on every instruction set of this processor', () => {
    for (const isa of instructionSets()) {
      const worst = runProgram('sequences', { RNNX_NATIVE_ISA: isa }) as Record<string, number>;
      expect(Object.keys(worst)).to.have.members(fusedCellNames);
      for (const [cell, apart] of Object.entries(worst)) expect(apart, `${cell} on ${isa}`).to.be.below(1e-5);
    }
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
