/** The addon's functions over whole sequences, arguments in the order of native/napi_sequences.cc. Arrays may be longer. */
export interface SequenceAddon {
  /** Floats that a forward pass for training keeps for its backward pass. */
  sequenceMemory(
    cell: number,
    steps: number,
    batch: number,
    units: number,
    perturbationCount: number,
    perturbationTable: Int32Array,
  ): number;

  /** Fills `hidden` `[T, B, H]` and the last state; keeps nothing where `memory` is null. */
  sequenceForward(
    cell: number,
    steps: number,
    batch: number,
    units: number,
    perturbationCount: number,
    /** `[count, 6]`: site, kind and the value's shape `[1|T, 1|B, 1|G, 1|N]`; at weights `[1|T, 1|rows, 1, 1|columns]`. */
    perturbationTable: Int32Array,
    values: readonly Float32Array[],
    recurrent: Float32Array,
    candidate: Float32Array | null,
    recurrentBias: Float32Array | null,
    product: Float32Array,
    initialHidden: Float32Array,
    initialCell: Float32Array | null,
    memory: Float32Array | null,
    hidden: Float32Array,
    lastHidden: Float32Array,
    lastCell: Float32Array | null,
  ): void;

  /** Fills all gradients, those of values where they are not null. Those of values, and `dBias`, must hold zeros. */
  sequenceBackward(
    cell: number,
    steps: number,
    batch: number,
    units: number,
    perturbationCount: number,
    perturbationTable: Int32Array,
    values: readonly Float32Array[],
    gradients: readonly (Float32Array | null)[],
    recurrent: Float32Array,
    candidate: Float32Array | null,
    memory: Float32Array,
    dHidden: Float32Array,
    dProduct: Float32Array,
    dRecurrent: Float32Array,
    dCandidate: Float32Array | null,
    dBias: Float32Array | null,
    dInitialHidden: Float32Array,
    dInitialCell: Float32Array | null,
  ): void;

  /**
   * Gradients of values at the weights, after `sequenceBackward` over the same memory: apart, as they are as large as all
   * steps' weights and hardly ever asked for. They must hold zeros; the others must be null.
   */
  sequenceWeightValues(
    cell: number,
    steps: number,
    batch: number,
    units: number,
    perturbationCount: number,
    perturbationTable: Int32Array,
    values: readonly Float32Array[],
    gradients: readonly (Float32Array | null)[],
    recurrent: Float32Array,
    candidate: Float32Array | null,
    memory: Float32Array,
  ): void;
}

/** Products of steps with a matrix that perturbations change from step to step. */
export interface SteppedAddon {
  /** y_t = x_t · M_t with M_t [rows, columns], or x_t · M_tᵀ: x [T, B, rows] -> y [T, B, columns], or back. */
  steppedProduct(
    transposed: boolean,
    steps: number,
    batch: number,
    rows: number,
    columns: number,
    perturbationCount: number,
    /** `[count, 4]`: kind and the value's shape `[1|T, 1|rows, 1|columns]`. */
    perturbationTable: Int32Array,
    values: readonly Float32Array[],
    matrix: Float32Array,
    x: Float32Array,
    y: Float32Array,
  ): void;

  /** From the gradient dy of x_t · M_t: fills `dMatrix`, and adds to the gradients of values, where these are not null. */
  steppedProductGradient(
    steps: number,
    batch: number,
    rows: number,
    columns: number,
    perturbationCount: number,
    perturbationTable: Int32Array,
    values: readonly Float32Array[],
    gradients: readonly (Float32Array | null)[],
    matrix: Float32Array,
    x: Float32Array,
    dy: Float32Array,
    dMatrix: Float32Array | null,
  ): void;
}

/** Products of an input that has another mask for each gate: (x ⊙ m_g) · W_g, side by side. */
export interface GatedAddon {
  /** x [T, B, inputs], weight [inputs, gates * units] -> y [T, B, gates * units]. */
  gatedProduct(
    steps: number,
    batch: number,
    inputs: number,
    gates: number,
    units: number,
    /** `[1|T, 1|B, gates, 1|inputs]`: the three sizes that may be 1. */
    maskShape: Int32Array,
    masks: Float32Array,
    weight: Float32Array,
    x: Float32Array,
    y: Float32Array,
  ): void;

  /** From the gradient dy of y: fills dx and dWeight. */
  gatedProductGradient(
    steps: number,
    batch: number,
    inputs: number,
    gates: number,
    units: number,
    maskShape: Int32Array,
    masks: Float32Array,
    weight: Float32Array,
    x: Float32Array,
    dy: Float32Array,
    dx: Float32Array,
    dWeight: Float32Array,
  ): void;
}

/** An output layer with its loss: hidden `[rows, inputs]`, weight `[outputs, inputs]`, bias `[outputs]`. */
export interface OutputAddon {
  /** Floats that a forward pass for training keeps for its backward pass. */
  softmaxLossMemory(rows: number, outputs: number): number;

  /** Fills `nll`; keeps nothing where `memory` is null. */
  softmaxLoss(
    rows: number,
    inputs: number,
    outputs: number,
    hidden: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    labels: Int32Array,
    nll: Float32Array,
    memory: Float32Array | null,
  ): void;

  /** Fills the gradients that are not null from the gradient `dy` of each nll. */
  softmaxLossGradient(
    rows: number,
    inputs: number,
    outputs: number,
    hidden: Float32Array,
    weight: Float32Array,
    labels: Int32Array,
    memory: Float32Array,
    dy: Float32Array,
    hiddenGradient: Float32Array | null,
    weightGradient: Float32Array | null,
    biasGradient: Float32Array | null,
  ): void;
}
