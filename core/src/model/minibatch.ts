import type { Split } from '../contracts/dataset-provider.js';

interface Extent {
  /** T. */
  readonly steps: number;
  /** B, without Monte Carlo copies. */
  readonly batch: number;
  /** Time of the first step since the state began; default 0. */
  readonly start?: number;
}

/** Time-major minibatch on the host with a target at every step: tokens and frames. */
export interface Minibatch extends Extent {
  readonly kind?: 'steps';
  /** Tokens `[T·B]` or frames `[T·B·D]`, time-major. */
  readonly inputs: Int32Array | Float32Array;
  /** Same form as the inputs; some value where the mask is 0. May share the inputs' memory. */
  readonly targets: Int32Array | Float32Array;
  /** `[T·B]`: 1 counts, 0 is padding; `null` counts all. */
  readonly mask: Float32Array | null;
}

/** Time-major minibatch on the host with one label a sequence. */
export interface LabelledMinibatch extends Extent {
  readonly kind: 'labelled';
  /** Frames `[T·B·D]`, time-major; zeros after the end of a sequence. */
  readonly inputs: Float32Array;
  /** `[T·B]`: 1 is a frame, 0 is padding; `null`: no padding. */
  readonly mask: Float32Array | null;
  /** `[B]`: step, from 0 in this minibatch, at which sequence b ends; -1 where it ended before or goes on. */
  readonly ends: Int32Array;
  /** `[B]`: class of each sequence. */
  readonly labels: Int32Array;
}

/** Token sequences side by side, time-major. */
export interface TokenBlock {
  /** Of the longest. */
  readonly steps: number;
  /** `[T·B]`; 0 after the end of a sequence. */
  readonly inputs: Int32Array;
  /** `[T·B]`: 1 is a token, 0 is padding; `null`: no padding. */
  readonly mask: Float32Array | null;
}

/** Minibatch of cloze questions on the host; its own tokens are those of the passages. */
export interface ClozeMinibatch extends Extent, TokenBlock {
  readonly kind: 'cloze';
  readonly question: TokenBlock;
  /** `[B]`: place of each answer among the task's `answers`. */
  readonly answers: Int32Array;
}

/** Which minibatches a split of each kind is cut into; a new kind of split adds a line here. */
export interface MinibatchKinds {
  readonly tokens: Minibatch;
  readonly frames: Minibatch;
  readonly labelled: LabelledMinibatch;
  readonly cloze: ClozeMinibatch;
}

/** Minibatches of a split. */
export type BatchOf<S extends Pick<Split, 'kind'>> = MinibatchKinds[S['kind']];

/** A minibatch of any kind; a model takes those of its task. */
export type AnyMinibatch = MinibatchKinds[keyof MinibatchKinds];
