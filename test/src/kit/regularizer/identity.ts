import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail, NotApplicable } from '../outcome.js';
import { sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { RegularizerSubject } from './subject.js';

export const identity = invariant<RegularizerSubject>(
  'identity',
  'leaves loss, gradients and evaluation alone, bit for bit, where its options say so (a rate of zero)',
  async (subject) => {
    const { identity: options, valid } = subject.claims;
    if (options === null) throw new NotApplicable('no options make it the identity');
    const at = { ...valid[0]!, options };
    for (const cell of subject.cells) {
      const [rig, plain] = [subject.rig({ ...at, cell }), subject.plain({ ...at, cell })];
      const [one, other] = [await rig.train(createRng(3)), await plain.train(createRng(3))];
      if (!sameBits(one.outcome, other.outcome))
        fail(`${show(options)} changes the loss: ${one.loss}, not ${other.loss}`);
      for (const [name, values] of other.gradients)
        if (!sameBits(values, one.gradients.get(name)!)) fail(`${show(options)} changes the gradient of ${name}`);
      if (!sameBits(await rig.evaluate(createRng(3)), await plain.evaluate(createRng(3))))
        fail(`${show(options)} changes the evaluation`);
      rig.dispose();
      plain.dispose();
    }
  },
);
