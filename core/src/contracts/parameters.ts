import type { Tensor } from '@tensorflow/tfjs';
import type { InitializerSpec } from '../model/initializers.js';

/** A trainable array that a cell, a head or a regularizer declares. The model owns the values. */
export interface ParameterSpec {
  /** Unique among its declarer's parameters; the model prefixes it (`layer-0/recurrent`). */
  readonly name: string;
  readonly shape: readonly number[];
  /** Initial values; without it the model's `init` option decides. */
  readonly init?: InitializerSpec;
  /** How many gates lie side by side in the last dimension, for initialisers that work gate by gate. Default 1. */
  readonly blocks?: number;
  /** Gate blocks that start otherwise than the rest, by their index: a forget gate's bias of 1. */
  readonly blockInit?: Readonly<Record<number, InitializerSpec>>;
}

/** Parameter values by the name under which they were declared. */
export type Weights = Readonly<Record<string, Tensor>>;
