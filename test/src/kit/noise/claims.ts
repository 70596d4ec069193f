import type { AnyPlugin } from '@rnnx/core';
import type { Case, Claims } from '../subject.js';

export interface NoiseCase extends Case {
  /** Spreads to try; default 0.4 and 1. */
  readonly spreads?: readonly number[];
}

export interface NoiseClaims extends Claims<NoiseCase> {
  /** Backends on which the bits must be the same, those of them that work here; default: cpu and wasm. */
  readonly backends?: readonly AnyPlugin[];
}
