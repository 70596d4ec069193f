import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import type { CellSubject } from './subject.js';

export const shapes = invariant<CellSubject>(
  'shapes',
  'keeps shapes and types, with one example, one step, one unit and several layers',
  async (subject) => {
    for (const at of subject.claims.valid) {
      for (const sizes of [
        { batch: 3, input: 6, hidden: 5 },
        { batch: 1, input: 1, hidden: 1 },
      ]) {
        const { cell, weights, x, state, clean } = subject.bench(at, sizes);
        for (const [name, value] of Object.entries(cell.step(x, state, weights, clean)))
          if (value.dtype !== 'float32' || value.shape.join() !== [sizes.batch, sizes.hidden].join())
            fail(`${show(at.options)}: state "${name}" is ${value.dtype} [${value.shape}] for ${show(sizes)}`);
      }
      for (const change of [{}, { batch: 1, steps: 1, layers: 1 }, { layers: 3, steps: 2 }]) {
        const rig = subject.rig(at, change);
        const { outcome, gradients } = await rig.train(createRng(1));
        for (const values of [outcome, await rig.evaluate(createRng(1)), ...gradients.values()])
          if (!values.every(Number.isFinite))
            fail(`${show(at.options)} in ${show(change)}: a loss, state or gradient is not finite`);
        rig.dispose();
      }
    }
  },
);
