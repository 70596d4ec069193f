/** What the addon is told of a batch-normalised LSTM: T, B, H, whose statistics, what each product is normalised by. */
export type NormalizedNet = readonly [
  steps: number,
  batch: number,
  units: number,
  /** Means and variances are given; else they are the minibatch's, which the forward pass writes. */
  population: boolean,
  /** `[T, B]` */
  mask: Float32Array | null,
  bias: Float32Array,
  ...input: NormAddon,
  ...recurrent: NormAddon,
  ...readout: NormAddon,
  /** Of the readout, `[H]`. */
  beta: Float32Array,
];

/** `[N]`, and `[T, N]` twice. */
type NormAddon = readonly [gamma: Float32Array, epsilon: number, mean: Float32Array, variance: Float32Array];

/** The addon's functions over batch-normalised sequences, arguments in the order of native/napi_sequence_bn.cc. */
export interface NormalizedAddon {
  /** Floats that a forward pass for training keeps for its backward pass. */
  normalizedMemory(steps: number, batch: number, units: number): number;

  /** Fills `hidden` `[T, B, H]` and the last cell state; keeps nothing where `memory` is null. */
  normalizedForward(
    ...args: readonly [
      ...net: NormalizedNet,
      recurrent: Float32Array,
      /** Input product, neither normalised nor with a bias, `[T, B, 4H]`. */
      product: Float32Array,
      initialHidden: Float32Array,
      initialCell: Float32Array,
      memory: Float32Array | null,
      hidden: Float32Array,
      lastCell: Float32Array,
    ]
  ): void;

  /** Fills all gradients, from what the forward pass was given and gave. */
  normalizedBackward(
    ...args: readonly [
      ...net: NormalizedNet,
      recurrent: Float32Array,
      product: Float32Array,
      initialHidden: Float32Array,
      memory: Float32Array,
      hidden: Float32Array,
      dHidden: Float32Array,
      dProduct: Float32Array,
      dRecurrent: Float32Array,
      dInitialHidden: Float32Array,
      dInitialCell: Float32Array,
      dBias: Float32Array,
      dInputGamma: Float32Array,
      dRecurrentGamma: Float32Array,
      dReadoutGamma: Float32Array,
      dBeta: Float32Array,
    ]
  ): void;
}
