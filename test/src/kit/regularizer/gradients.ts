import { invariant } from '../contract.js';
import { checkGradients } from '../gradients.js';
import { show } from '../subject.js';
import type { RegularizerSubject } from './subject.js';

export const gradients = invariant<RegularizerSubject>(
  'gradients',
  'gives gradients that match finite differences of the whole loss, also for parameters of its own',
  async (subject) => {
    const { name } = subject.plugin;
    for (const at of subject.claims.valid) {
      if (at.otherGradient !== undefined) continue;
      const rig = subject.rig(at, { steps: 3 });
      const own = Object.keys(rig.weights).filter((weight) => weight.startsWith(`${name}/`));
      await checkGradients(rig, show(at.options), own);
      rig.dispose();
    }
  },
);
