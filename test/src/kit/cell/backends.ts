import { createRng } from '@rnnx/core';
import { onEachBackend, portableBackends, requireAgreement } from '../backends.js';
import { invariant } from '../contract.js';
import { show } from '../subject.js';
import type { CellSubject } from './subject.js';

export const backends = invariant<CellSubject>(
  'backends',
  'trains to the same numbers on every backend at hand, within 1e-4',
  async (subject) => {
    const { valid, backends: plugins = portableBackends } = subject.claims;
    const results = await onEachBackend(plugins, async () => {
      const found: Float32Array[] = [];
      for (const at of valid) {
        const rig = subject.rig(at);
        const { outcome, gradients } = await rig.train(createRng(3));
        found.push(Float32Array.from([...outcome, ...[...gradients.values()].map((values) => Math.hypot(...values))]));
        rig.dispose();
      }
      return found;
    });
    for (const [i, { options }] of valid.entries())
      requireAgreement(
        show(options),
        results.map(([name, found]) => [name, found[i]!] as const),
      );
  },
);
