import type { PluginRef } from '../contracts/plugin.js';
import type { InitializerSpec } from '../model/initializers.js';

/** One experiment as data: everything that decides its result. `rnnx.config.*` and presets hold this shape. */
export interface ExperimentConfig {
  /** For the run folder and the tables; lower case with hyphens. */
  readonly name: string;
  readonly dataset: PluginRef;
  readonly model: ModelConfig;
  /** In the order in which they act at a site; see docs/composition.md. */
  readonly regularizers: readonly PluginRef[];
  readonly training: TrainingConfig;
  readonly evaluation: EvaluationConfig;
  /** Each seed is a run of its own. */
  readonly seeds: readonly number[];
  /** `auto` takes the fastest that works here. */
  readonly backend: PluginRef;
  /** Third-party plugin packages by name, short name or path. */
  readonly plugins: readonly string[];
  /** Alternatives to compare: each is merged over the rest (arrays replaced) and runs with every seed. */
  readonly variants: Readonly<Record<string, DeepPartial<Omit<ExperimentConfig, 'variants' | 'plugins'>>>>;
}

export interface ModelConfig {
  readonly cell: PluginRef;
  readonly layers: number;
  readonly hiddenSize: number;
  /** Width of the embedding; `null` for hiddenSize. Token tasks only. */
  readonly embeddingSize: number | null;
  /** One matrix for embedding and output (embeddingSize must equal hiddenSize). Token tasks only. */
  readonly tied: boolean;
  /** `learned`: a trained vector for each state of each layer, from which every sequence or stream begins. */
  readonly initialState: 'zero' | 'learned';
  /** Start of every parameter that declares no other. */
  readonly init: InitializerSpec;
  /** Start of the embedding, the output weight and the output bias; `null` for `init`. */
  readonly embeddingInit: InitializerSpec | null;
  readonly outputInit: InitializerSpec | null;
  readonly outputBiasInit: InitializerSpec | null;
}

export interface TrainingConfig {
  readonly epochs: number;
  /** Examples a minibatch: parallel streams of a token split, or sequences. */
  readonly batchSize: number;
  /** Time steps of truncated back-propagation; for classification at least the steps of the longest sequence. */
  readonly bptt: number;
  /** Carry the state from one minibatch to the next (token streams). */
  readonly carryState: boolean;
  /**
   * How the training tokens are cut: parallel streams read from start to end, or segments of `bptt` predictions in random
   * order, from another crop each epoch (`carryState` must be false).
   */
  readonly segments: 'streamed' | 'shuffled';
  /** `sum`: sum over the T steps of the batch-mean NLL (Zaremba et al. 2014); `mean`: mean over all predictions. */
  readonly lossReduction: 'sum' | 'mean';
  readonly optimizer: OptimizerConfig;
  readonly schedule: ScheduleConfig;
  /** Largest global norm of the gradient; `null` for no clipping. */
  readonly clipNorm: number | null;
  /** Stop after so many epochs without a better validation metric; `null` for never. */
  readonly patience: number | null;
  /** Also write a checkpoint every so many steps; `null` for epochs only. */
  readonly checkpointEvery: number | null;
  /** Report a step event every so many steps. */
  readonly reportEvery: number;
  /** Quantities of the weights to report with each epoch; they do not change the training. */
  readonly track: readonly TrackedQuantity[];
}

/** `spectral-radius`: largest modulus of the eigenvalues of each recurrent matrix, gate by gate. */
export type TrackedQuantity = 'spectral-radius';

export type OptimizerConfig =
  | { readonly name: 'sgd'; readonly learningRate: number }
  | { readonly name: 'momentum'; readonly learningRate: number; readonly momentum: number; readonly nesterov: boolean }
  | {
      readonly name: 'adam';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    }
  | {
      readonly name: 'rmsprop';
      readonly learningRate: number;
      readonly decay: number;
      readonly momentum: number;
      readonly epsilon: number;
      /** Running mean square at the start; climin starts at 1. */
      readonly initial: number;
    }
  | {
      readonly name: 'asgd';
      readonly learningRate: number;
      /** Non-monotonic trigger: epochs n of validation to look back (Merity et al. 2018, algorithm 1). */
      readonly nonMonotone: number;
    };

export type ScheduleConfig =
  | { readonly name: 'constant' }
  /** Learning rate times `factor` for every epoch after `after` (Zaremba et al. 2014). */
  | { readonly name: 'zaremba'; readonly after: number; readonly factor: number }
  /** Learning rate times `factor` after each epoch whose validation metric is not the best. */
  | { readonly name: 'plateau'; readonly factor: number };

export interface EvaluationConfig {
  /**
   * Parallel streams; 1 is exact, more split the text and lose context at the seams. Every token counts once. Of sequences,
   * how many are read at once, which changes speed, not the result.
   */
  readonly batchSize: number;
  /** Time steps per pass; changes speed, not the result. */
  readonly steps: number;
}

export type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
    : T;
