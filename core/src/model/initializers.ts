import type { Rng } from '../random/rng.js';

/**
 * How a parameter starts.
 *
 * - `zeros`, `constant` (value), `uniform` in (-scale, scale), `normal` (std)
 * - `orthogonal`: rows or columns orthonormal times gain, by QR of a Gaussian matrix
 * - `identity`: scale · I in each gate block
 * - `sparse`: N(0, std²), all but `connections` incoming weights of each unit set to zero, then rescaled to
 *   `spectralRadius` (square gate blocks only)
 */
export type InitializerSpec =
  | { readonly name: 'zeros' }
  | { readonly name: 'constant'; readonly value: number }
  | { readonly name: 'uniform'; readonly scale: number }
  | { readonly name: 'normal'; readonly std: number }
  | { readonly name: 'orthogonal'; readonly gain?: number }
  | { readonly name: 'identity'; readonly scale?: number }
  | { readonly name: 'sparse'; readonly connections: number; readonly std: number; readonly spectralRadius?: number };

export type Initializer = (shape: readonly number[], blocks: number, rng: Rng) => Float32Array;
