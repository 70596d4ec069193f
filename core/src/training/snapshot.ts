/** A tensor's value on the host. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * Everything that a run needs to go on to the same bits: `parameters/*`, `optimizer/*`, `state/*` (carried hidden states)
 * and `average/*` (averaged SGD) as tensors, the rest as plain numbers. Random numbers are counter-based, so seed, epoch
 * and step are their whole state.
 */
export interface Snapshot {
  readonly tensors: Readonly<Record<string, HostTensor>>;
  readonly progress: Progress;
}

export interface Progress {
  readonly seed: number;
  /** Epochs finished. */
  readonly epoch: number;
  /** Steps finished in the epoch under way. */
  readonly step: number;
  readonly globalStep: number;
  readonly learningRate: number;
  /** Validation metric of each finished epoch. */
  readonly history: readonly number[];
  readonly bestEpoch: number;
  /** Sum and count of the training NLL of the epoch under way. */
  readonly epochNll: number;
  readonly epochCount: number;
  /** Wrong predictions of the epoch under way, for tasks measured by their error rate; otherwise 0. */
  readonly epochErrors: number;
  /** Global step at which averaged SGD began to average; `null` before. */
  readonly averagingSince: number | null;
}
