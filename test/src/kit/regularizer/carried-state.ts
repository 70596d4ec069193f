import { type Cell, createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { read } from '../rig.js';
import { show } from '../subject.js';
import type { RegularizerSubject } from './subject.js';

/**
 * The commonest mistake of recurrent dropout is to mask the state that is carried, instead of its copy that enters the product.
 * In a cell that carries its state unchanged and multiplies by it besides, a mask of the operand leaves the state whole.
 */
export const carriedState = invariant<RegularizerSubject>(
  'carried-state',
  'leaves the carried state whole, unless it claims to act on "hidden", "cell" or "initial"',
  async (subject) => {
    for (const at of subject.claims.valid) {
      if (at.sites.some((site) => site === 'hidden' || site === 'cell' || site === 'initial')) continue;
      const inner = subject.registry.create('cell', subject.cellOf(at));
      const rig = subject.rig(at, { cell: carrying(inner) });
      const state = rig.state(rig.copies);
      const result = rig.trainOnce(createRng(3));
      for (const [layer, entries] of result.state.entries())
        for (const [name, tensor] of Object.entries(entries)) {
          const [before, after] = [await read(state[layer]![name]!), await read(tensor)];
          if (before.some((value, i) => value !== after[i]))
            fail(
              `${show(at.options)} changes the carried state "${name}" of layer ${layer}, which its sites do not say`,
            );
        }
      tf.dispose([state, result] as never);
      rig.dispose();
    }
  },
);

/** The cell with all its sites and products, whose state goes on unchanged. */
function carrying(cell: Cell): Cell {
  return {
    sites: cell.sites,
    stateNames: cell.stateNames,
    ...(cell.moments && { moments: cell.moments }),
    build: (inputSize, hiddenSize) => cell.build(inputSize, hiddenSize),
    step(x, state, weights, sites) {
      cell.step(x, state, weights, sites);
      return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, tf.clone(value)])) as typeof state;
    },
  };
}
