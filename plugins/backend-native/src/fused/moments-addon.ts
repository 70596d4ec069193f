/** What the addon is told of a network over moments: T, B, H, how moments are found, q and the recurrent matrix. */
export type MomentNet = readonly [
  steps: number,
  batch: number,
  units: number,
  activation: number,
  /** 0 for the closed form. */
  nodes: number,
  node: Float32Array,
  weight: Float32Array,
  keep: number,
  recurrent: Float32Array,
];

/** The addon's functions over sequences of moments, arguments in the order of native/napi_sequence_fd.cc. */
export interface MomentAddon {
  /** Fills mean and variance `[T, B, H]`; keeps `3 T B H` floats for the backward pass where `memory` is not null. */
  momentForward(
    ...args: readonly [
      ...net: MomentNet,
      product: Float32Array,
      inputVariance: Float32Array,
      initialMean: Float32Array,
      initialVariance: Float32Array,
      memory: Float32Array | null,
      mean: Float32Array,
      variance: Float32Array,
    ]
  ): void;

  /** Fills all gradients. */
  momentBackward(
    ...args: readonly [
      ...net: MomentNet,
      initialMean: Float32Array,
      memory: Float32Array,
      mean: Float32Array,
      dMean: Float32Array,
      dVariance: Float32Array,
      dProduct: Float32Array,
      dInputVariance: Float32Array,
      dRecurrent: Float32Array,
      dInitialMean: Float32Array,
      dInitialVariance: Float32Array,
    ]
  ): void;
}
