import activationPenalty from '@rnnx/activation-penalty';
import cells from '@rnnx/cells';
import { type NamedRegularizer, type PerturbContext, type PluginRef, PluginRegistry } from '@rnnx/core';
import dropconnect from '@rnnx/dropconnect';
import galDropout from '@rnnx/gal-dropout';
import layerNorm from '@rnnx/layer-norm';
import recurrentDropout from '@rnnx/recurrent-dropout';
import tikhonov from '@rnnx/tikhonov';
import weightNoise from '@rnnx/weight-noise';
import zarembaDropout from '@rnnx/zaremba-dropout';
import zoneout from '@rnnx/zoneout';
import { expect } from 'chai';
import { refusal } from './errors.js';
import { perturbations, type ReadPerturbation } from './perturbations.js';
import { correlationTest, meanTest } from './statistics.js';

const registry = new PluginRegistry([
  ...cells,
  ...galDropout,
  ...zarembaDropout,
  ...recurrentDropout,
  ...zoneout,
  ...dropconnect,
  ...weightNoise,
  ...tikhonov,
  ...activationPenalty,
  ...layerNorm,
]);

/** A technique as a model takes it, from a reference as a configuration gives it. Errors: RNNX_CONFIG_INVALID. */
export function technique(ref: PluginRef): NamedRegularizer {
  return { name: typeof ref === 'string' ? ref : ref.name, regularizer: registry.create('regularizer', ref) };
}

/** The reference with its defaults. */
export function resolveTechnique(ref: PluginRef): { readonly name: string } & Readonly<Record<string, unknown>> {
  return registry.resolve('regularizer', ref);
}

/** What a technique draws for one minibatch, read. */
export function draw(ref: PluginRef, at: PerturbContext): Promise<ReadPerturbation[]> {
  return perturbations(technique(ref).regularizer, at);
}

/** `site/layer/weight kind [shape]` of each. */
export function places(made: readonly ReadPerturbation[]): string[] {
  return made.map(({ site, layer, weight, kind, shape }) => {
    const place = [site, layer, weight].filter((part) => part !== undefined).join('/');
    return `${place} ${kind} [${shape}]`;
  });
}

/** The mask has just the values 0 and `kept`, 0 with probability p (false-alarm rate of `meanTest`). */
export function expectDropped(mask: Float32Array, p: number, kept: number): void {
  for (const value of new Set(mask)) if (value !== 0) expect(value).to.be.closeTo(kept, 1e-5 * kept);
  expect(new Set(mask).size).to.equal(2);
  const { statistic, limit } = meanTest(
    mask.map((value) => (value === 0 ? 1 : 0)),
    p,
    p * (1 - p),
  );
  expect(statistic, 'share of zeros').to.be.at.most(limit);
}

/** Entries that far apart are independent (false-alarm rate of `correlationTest` each). */
export function expectIndependent(values: Float32Array, distances: readonly number[]): void {
  for (const distance of distances) {
    const { statistic, limit } = correlationTest(
      values.subarray(0, values.length - distance),
      values.subarray(distance),
    );
    expect(statistic, `distance ${distance}`).to.be.at.most(limit);
  }
}

/**
 * Draws depend on the generator alone: the same bits for the same one whatever was drawn between, other ones for another
 * minibatch, and independent ones at every place (false-alarm rate of `correlationTest` a pair).
 */
export async function expectFreshDraws(ref: PluginRef, at: PerturbContext): Promise<void> {
  const { regularizer } = technique(ref);
  const first = await perturbations(regularizer, at);
  const next = await perturbations(regularizer, { ...at, rng: at.rng.stream('another minibatch') });
  expect(await perturbations(regularizer, at), 'the same generator').to.deep.equal(first);
  const all = [...first, ...next].map(({ values }) => values);
  expect(first.length).to.be.above(0);
  for (const [i, left] of all.entries())
    for (const right of all.slice(i + 1)) {
      const length = Math.min(left.length, right.length);
      const { statistic, limit } = correlationTest(left.subarray(0, length), right.subarray(0, length));
      expect(statistic, 'two draws').to.be.at.most(limit);
    }
}

/** Refusals by the schema, each naming the option. */
export function itRefuses(
  name: string,
  cases: readonly (readonly [what: string, options: object, option?: string])[],
): void {
  for (const [what, options, option = Object.keys(options).at(-1)!] of cases)
    it(`refuses ${what}`, () => {
      const error = refusal('RNNX_CONFIG_INVALID', () => technique({ name, ...options }));
      expect(error.message).to.include(option);
    });
}
