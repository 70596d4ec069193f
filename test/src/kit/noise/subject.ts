import { type AnyPlugin, createRng, type NoiseDistribution, type Rng } from '@rnnx/core';
import { digest, read } from '../rig.js';
import { Subject } from '../subject.js';
import type { NoiseCase, NoiseClaims } from './claims.js';

/** Numbers from which moments are estimated. */
export const sampleSize = 100_000;

/** A noise distribution under test. */
export class NoiseSubject extends Subject<'noise', NoiseCase> {
  declare readonly claims: NoiseClaims;
  readonly #samples = new Map<string, Promise<Float32Array>>();

  constructor(plugin: AnyPlugin, claims: NoiseClaims) {
    super('noise', plugin, claims);
  }

  spreads(at: NoiseCase): readonly number[] {
    return at.spreads ?? [0.4, 1];
  }

  async draw(noise: NoiseDistribution, shape: readonly number[], rng: Rng, spread: number): Promise<Float32Array> {
    const tensor = noise.sample(shape, rng, spread);
    try {
      return await read(tensor);
    } finally {
      tensor.dispose();
    }
  }

  /** A large sample, drawn once a case and spread. */
  large(at: NoiseCase, spread: number): Promise<Float32Array> {
    const key = `${JSON.stringify(at.options)} ${spread}`;
    if (!this.#samples.has(key)) {
      const rng = createRng(70).stream(this.plugin.name);
      this.#samples.set(key, this.draw(this.create(at.options), [sampleSize], rng, spread));
    }
    return this.#samples.get(key)!;
  }

  async exercise(instance: NoiseDistribution, at: NoiseCase): Promise<void> {
    for (const spread of this.spreads(at)) {
      await this.draw(instance, [3, 2], createRng(1), spread);
      instance.moments(spread);
      instance.support(spread);
    }
  }

  async fingerprint(at: NoiseCase): Promise<string> {
    const noise = this.create(at.options);
    const parts: unknown[] = [noise.spreadDependent];
    for (const spread of this.spreads(at)) {
      const values = await this.draw(noise, [200], createRng(2), spread);
      parts.push(digest(values), noise.moments(spread), noise.support(spread).map(String));
    }
    return JSON.stringify(parts);
  }
}
