import type { ClozeSplit, ClozeTask } from './cloze.js';
import { token } from './token.js';

/** Symbols by index and back. */
export interface Vocabulary {
  readonly symbols: readonly string[];
  /** Index of a symbol or `undefined`. */
  indexOf(symbol: string): number | undefined;
}

/** Next-token prediction: categorical likelihood. */
export interface LanguageTask {
  readonly kind: 'language-model';
  readonly unit: 'word' | 'character';
  readonly vocabulary: Vocabulary;
  /** Token that stands before the first one of a split (`<eos>` or newline), so that each token is predicted once. */
  readonly start: number;
  /** How predictions are written: perplexity exp(NLL), or bits NLL / ln 2. */
  readonly metric: 'perplexity' | 'bits-per-character';
  /** Joins tokens to text, for `generate`. */
  detokenize(tokens: readonly number[]): string;
  /** Text to tokens, for prompts. Errors: RNNX_TOKEN_UNKNOWN. */
  tokenize(text: string): Int32Array;
}

/** Next-vector prediction over sequences of frames: Bernoulli (polyphonic music) or Gaussian likelihood. */
export interface FrameTask {
  readonly kind: 'frames';
  /** Width D of a frame. */
  readonly size: number;
  readonly likelihood: 'bernoulli' | 'gaussian';
  /** NLL in nats, summed over the frame, averaged over all predicted steps of the split. */
  readonly metric: 'nll-per-step';
}

/** One label a sequence of frames, from the hidden state after its last frame: categorical likelihood. */
export interface ClassificationTask {
  readonly kind: 'classification';
  /** Width D of a frame. */
  readonly size: number;
  /** Names of the classes, by label. */
  readonly classes: readonly string[];
  /** Percentage of sequences whose likeliest class is not theirs: 100 less the accuracy. */
  readonly metric: 'error-rate';
}

export type Task = LanguageTask | FrameTask | ClassificationTask | ClozeTask;

export interface TokenSplit {
  readonly kind: 'tokens';
  /** One stream, each token below the vocabulary's size. */
  readonly tokens: Int32Array;
}

export interface FrameSplit {
  readonly kind: 'frames';
  /** Each `[T_n, D]` row by row. */
  readonly sequences: readonly Float32Array[];
  /**
   * Where sequences that are shorter than the longest of their minibatch get their padding, frames of zeros that are
   * masked in the loss. Default `end`: the padding never reaches a counted prediction. `front`: the state starts at zero
   * before the padding, so that the first frame meets the state after as many empty frames, which biases move from zero.
   */
  readonly padding?: 'front' | 'end';
}

export interface LabelledSplit {
  readonly kind: 'labelled';
  /** Each `[T_n, D]` row by row. */
  readonly sequences: readonly Float32Array[];
  /** `[N]`: class of each sequence, an index of the task's `classes`. */
  readonly labels: Int32Array;
}

export type Split = TokenSplit | FrameSplit | LabelledSplit | ClozeSplit;
export type SplitName = 'train' | 'valid' | 'test';

export interface Dataset {
  readonly name: string;
  readonly task: Task;
  readonly splits: Readonly<Record<SplitName, Split>>;
  /** Best metric that any model could reach, where it is known exactly, and why. */
  readonly floor?: { readonly value: number; readonly description: string };
  /** One line a source: where it came from, checksum, licence. */
  readonly notes: readonly string[];
}

export interface LoadProgress {
  readonly label: string;
  readonly received: number;
  /** Bytes in all, where the server says so. */
  readonly total: number | undefined;
}

export interface LoadContext {
  /** Folder with local copies (`--data-dir`); providers look in it and in a subfolder of their name. */
  readonly dataDir?: string;
  /** Where downloads are kept between runs. */
  readonly cacheDir: string;
  /** Refuse to download. */
  readonly offline: boolean;
  readonly signal?: AbortSignal;
  onProgress?(progress: LoadProgress): void;
}

export interface DatasetProvider {
  /** Reads, checks and splits the data. Errors: RNNX_DATA_MISSING, RNNX_DATA_CHECKSUM and their kin. */
  load(context: LoadContext): Promise<Dataset>;
}

export const DatasetProvider = token<DatasetProvider>('DatasetProvider');
