import { createRng } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { sameBits } from '../rig.js';
import { show } from '../subject.js';
import type { RegularizerCase } from './claims.js';
import type { RegularizerSubject } from './subject.js';

/** Keeps the contract itself honest: a case that does nothing would pass everything else. */
export const visible = invariant<RegularizerSubject>(
  'visible',
  'does something under every valid set of options, at the sites that are claimed and at no others',
  async (subject) => {
    for (const at of subject.claims.valid) {
      await checkEffect(subject, at);
      await checkSites(subject, at);
      await checkClaims(subject, at);
    }
  },
);

async function checkEffect(subject: RegularizerSubject, at: RegularizerCase): Promise<void> {
  const [rig, plain] = [subject.rig(at), subject.plain(at)];
  const [with_, without] = [await rig.train(createRng(3)), await plain.train(createRng(3))];
  const trains = [...without.gradients].some(([name, values]) => !sameBits(values, with_.gradients.get(name)!));
  const evaluates = !sameBits(await rig.evaluate(createRng(3)), await plain.evaluate(createRng(3)));
  rig.dispose();
  plain.dispose();
  if (!trains && !evaluates && sameBits(with_.outcome, without.outcome))
    fail(`${show(at.options)} is a vacuous case: loss, gradients and evaluation are those of the model without it`);
}

async function checkSites(subject: RegularizerSubject, at: RegularizerCase): Promise<void> {
  const instance = subject.create(at.options);
  const rig = subject.model(at, [instance]);
  const training = await subject.effects(rig, instance, 'train', createRng(4));
  const evaluation = await subject.effects(rig, instance, 'evaluate', createRng(4));
  rig.dispose();
  const found = new Set([...training, ...evaluation].map(({ site }) => site));
  for (const site of found)
    if (!at.sites.includes(site)) fail(`${show(at.options)} acts at "${site}", which is not among its claimed sites`);
  for (const site of at.sites) if (!found.has(site)) fail(`${show(at.options)} never acts at "${site}", as claimed`);
}

async function checkClaims(subject: RegularizerSubject, at: RegularizerCase): Promise<void> {
  const random = (await subject.draws(at)).filter((draws) => draws.random);
  const activations = random.filter(({ first }) => !first.site.startsWith('weights.'));
  const missing = [
    ...(random.length > 0 && at.unbiased === undefined ? ['unbiased'] : []),
    ...(random.length > 0 && at.lifetime === undefined ? ['lifetime'] : []),
    ...(activations.length > 0 && at.sharing === undefined ? ['sharing'] : []),
  ];
  if (missing.length > 0) fail(`${show(at.options)} draws noise; say ${missing.join(', ')} in its case`);
  if (random.length === 0 && (at.unbiased ?? at.lifetime ?? at.sharing) !== undefined)
    fail(`${show(at.options)} claims something about its noise, but its perturbations never change`);
}
