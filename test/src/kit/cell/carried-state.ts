import type { CellSites, CellState } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { read, sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { CellCase } from './claims.js';
import type { Bench, CellSubject } from './subject.js';

/**
 * A mask belongs on the operand of the recurrent product. Where a cell sends its carried state through a site, the mask
 * shrinks that state at every step: the GRU of some libraries does, and grows or forgets without bound.
 */
export const carriedState = invariant<CellSubject>(
  'carried-state',
  'carries its state past the masks: they reach the recurrent product and the copies, never what goes on',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const bench = subject.bench(at);
      await checkOperandMask(at, bench);
      await checkCandidate(at, bench);
      if (bench.cell.sites.includes('readout')) await checkReadout(at, bench);
    }
  },
);

/** With every operand masked to zero, the next state still depends on those states that are carried, and on no others. */
async function checkOperandMask(at: CellCase, { cell, weights, x, state, clean }: Bench): Promise<void> {
  const masked: CellSites = {
    ...clean,
    recurrent: (operand, weight) => clean.recurrent(tf.zerosLike(operand), weight),
  };
  const before = await all(cell.step(x, state, weights, masked));
  for (const name of cell.stateNames) {
    const moved = { ...state, [name]: tf.add(state[name]!, 0.25) } as CellState;
    const depends = !sameBits(before, await all(cell.step(x, moved, weights, masked)));
    if (depends === at.carries.includes(name)) continue;
    fail(
      depends
        ? `${show(at.options)}: the state "${name}" goes on past the recurrent products; name it under "carries"`
        : `${show(at.options)}: a mask of the operand also masks the carried state "${name}"`,
    );
  }
}

/** What enters the site `candidate` is new, and no state. */
async function checkCandidate(at: CellCase, { cell, weights, x, state, clean }: Bench): Promise<void> {
  const seen: tf.Tensor[] = [];
  const candidate = (g: tf.Tensor2D) => {
    seen.push(g);
    return g;
  };
  cell.step(x, state, weights, { ...clean, candidate });
  for (const g of seen)
    for (const [name, value] of Object.entries(state))
      if (g === value || sameBits(await read(g), await read(value)))
        fail(
          `${show(at.options)} passes its carried state "${name}" through the site "candidate", whose mask then stays on it`,
        );
}

/** The site `readout` is for a copy: nothing but h may change with it. */
async function checkReadout(at: CellCase, { cell, weights, x, state, clean }: Bench): Promise<void> {
  const before = cell.step(x, state, weights, clean);
  const after = cell.step(x, state, weights, { ...clean, readout: (c) => tf.zerosLike(c) });
  for (const name of cell.stateNames)
    if (name !== 'h' && !sameBits(await read(before[name]!), await read(after[name]!)))
      fail(`${show(at.options)}: a mask of the site "readout" also masks the carried state "${name}"`);
}

async function all(state: CellState): Promise<Float32Array> {
  const parts = await Promise.all(Object.values(state).map(read));
  return Float32Array.from(parts.flatMap((part) => [...part]));
}
