import { cpu } from '@rnnx/backends';
import { PluginRegistry } from '@rnnx/core';
import { requireAgreement } from '../backends.js';
import { invariant } from '../contract.js';
import { fail, NotApplicable } from '../outcome.js';
import { sameBits, type TrainingPass } from '../rig.js';
import { show } from '../subject.js';
import type { BackendSubject } from './subject.js';

export const training = invariant<BackendSubject>(
  'training',
  'trains a small LSTM to the loss and the gradients of the cpu backend within 1e-4, twice to the same bits',
  async (subject) => {
    let tried = 0;
    for (const at of subject.claims.valid) {
      const found = await subject.on(at, async () => [await subject.pass(), await subject.pass()] as const);
      if (found === undefined) continue;
      tried++;
      const [first, second] = found;
      if (!sameBits(all(first), all(second))) fail(`${show(at.options)} trains to other bits the second time`);
      await new PluginRegistry([cpu]).create('backend', 'cpu').activate();
      const expected = await subject.pass();
      requireAgreement(show(at.options), [
        ['cpu', expected.outcome],
        [subject.plugin.name, first.outcome],
      ]);
      for (const [name, gradient] of expected.gradients) {
        const norm = Math.hypot(...gradient);
        const off = Math.hypot(...gradient.map((value, i) => value - first.gradients.get(name)![i]!));
        if (!(off <= 1e-4 * norm + 1e-7))
          fail(`${show(at.options)}: the gradient of ${name} is off by ${off / norm} of its norm`);
      }
    }
    if (tried === 0) throw new NotApplicable('it does not work on this machine');
  },
);

function all({ outcome, gradients }: TrainingPass): Float32Array {
  return Float32Array.from([...outcome, ...[...gradients.values()].flatMap((values) => [...values])]);
}
