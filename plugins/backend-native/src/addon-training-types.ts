/**
 * An output layer with independent Bernoullis: logits = hidden [rows, inputs] weight [outputs, inputs]ᵀ + bias,
 * nll = Σ softplus(logit) - target logit, targets [rows, outputs]. `logits` [rows, outputs] are kept for the gradient;
 * null works them out again.
 */
export interface SigmoidLossAddon {
  sigmoidLoss(
    rows: number,
    inputs: number,
    outputs: number,
    hidden: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    targets: Float32Array,
    nll: Float32Array,
    logits: Float32Array | null,
  ): void;

  /** Gradients of Σ dy nll; null where none is wanted. */
  sigmoidLossGradient(
    rows: number,
    inputs: number,
    outputs: number,
    hidden: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    targets: Float32Array,
    logits: Float32Array | null,
    dy: Float32Array,
    hiddenGradient: Float32Array | null,
    weightGradient: Float32Array | null,
    biasGradient: Float32Array | null,
  ): void;
}

/**
 * One update of one parameter, with the same bits as the composition of tensor operations. Outputs may be the inputs.
 *
 * `control` [3] is what the kernels of one update tell each other: the square of the gradient's norm so far; the factor that
 * multiplies the gradient g first, NaN where nothing is to be updated; and 1, which updates make 0 where a new weight is
 * not finite.
 */
export interface OptimizerAddon {
  /** control[0] += Σ x² in double precision, the same at any thread count. */
  addSquares(count: number, x: Float32Array, control: Float64Array): void;

  /** The same bits where all but some rows, in ascending order, are zero. */
  addSquaresRows(
    count: number,
    x: Float32Array,
    control: Float64Array,
    width: number,
    rowCount: number,
    rows: Int32Array,
  ): void;

  /**
   * control[1] = min(1, limit / √control[0]), in float32; NaN where that root, or the sum of the first two numbers, which are
   * to be finite, is not, or a kernel before got no memory. numbers [3] = the three, 0 for none.
   *
   * @param limit infinite for none
   */
  clip(
    control: Float64Array,
    limit: number,
    first: Float32Array,
    second: Float32Array,
    third: Float32Array | null,
    numbers: Float64Array,
  ): void;

  /** out = weight - rate g */
  sgd(
    count: number,
    weight: Float32Array,
    gradient: Float32Array,
    control: Float64Array,
    rate: number,
    out: Float32Array,
  ): void;

  /**
   * The same for some rows of `width` elements, in ascending order; the others are neither read nor written, nor looked at
   * whether they are finite.
   */
  sgdRows(
    count: number,
    weight: Float32Array,
    gradient: Float32Array,
    control: Float64Array,
    rate: number,
    out: Float32Array,
    width: number,
    rowCount: number,
    rows: Int32Array,
  ): void;

  /** v' = momentum v - rate g, out = weight + v' */
  momentum(
    count: number,
    weight: Float32Array,
    gradient: Float32Array,
    control: Float64Array,
    rate: number,
    out: Float32Array,
    momentum: number,
    velocity: Float32Array,
    velocityOut: Float32Array,
  ): void;

  /** Kingma and Ba 2015, algorithm 1; `step` counts from 1, `rate` is without the correction. */
  adam(
    count: number,
    weight: Float32Array,
    gradient: Float32Array,
    control: Float64Array,
    rate: number,
    out: Float32Array,
    beta1: number,
    beta2: number,
    epsilon: number,
    step: number,
    mean: Float32Array,
    square: Float32Array,
    meanOut: Float32Array,
    squareOut: Float32Array,
  ): void;

  /** s' = decay s + (1 - decay) g², v' = momentum v + rate g / √(s' + epsilon), out = weight - v' */
  rmsprop(
    count: number,
    weight: Float32Array,
    gradient: Float32Array,
    control: Float64Array,
    rate: number,
    out: Float32Array,
    decay: number,
    momentum: number,
    epsilon: number,
    velocity: Float32Array,
    square: Float32Array,
    velocityOut: Float32Array,
    squareOut: Float32Array,
  ): void;

  /** out = mean + (weight - mean) / iterates */
  average(count: number, mean: Float32Array, weight: Float32Array, iterates: number, out: Float32Array): void;
}

/** Fills from Philox 4x32-10 under the key (key0, key1), words from 0 to 2^32 - 1: the bits of the core's generator. */
export interface RandomAddon {
  philoxWords(key0: number, key1: number, count: number, out: Uint32Array): void;
  philoxUniforms(key0: number, key1: number, count: number, out: Float32Array): void;
  philoxNormals(key0: number, key1: number, count: number, out: Float32Array): void;
  philoxDoubles(key0: number, key1: number, count: number, out: Float64Array): void;
  /** @param kept what stands where a draw keeps, in float32; elsewhere 0 */
  philoxBernoulli(key0: number, key1: number, count: number, keep: number, kept: number, out: Float32Array): void;
}
