import { invariant } from '../contract.js';
import { checkGradients } from '../gradients.js';
import { show } from '../subject.js';
import type { CellSubject } from './subject.js';

export const gradients = invariant<CellSubject>(
  'gradients',
  'gives every parameter a gradient that matches finite differences of the whole loss',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const rig = subject.rig(at, { steps: 3, batch: 2 });
      const own = Object.keys(rig.weights).filter((weight) => weight.startsWith('layer-'));
      await checkGradients(rig, show(at.options), own);
      rig.dispose();
    }
  },
);
