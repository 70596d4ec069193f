import * as tf from '@tensorflow/tfjs';
import type { Normalization, Site } from '../contracts/perturbation.js';
import type { DeviceUpdates, OptimizerKernels } from '../training/optimizers/kernels.js';

/** A recurrence that backends may know as one kernel for a whole sequence. Equations: the cell's docstring. */
export type FusedCell =
  | { readonly kind: 'lstm'; readonly recurrent: string }
  | { readonly kind: 'gru-after'; readonly recurrent: string; readonly recurrentBias: string }
  | { readonly kind: 'gru-before'; readonly recurrentGates: string; readonly recurrentCandidate: string }
  | { readonly kind: 'rnn'; readonly activation: 'tanh' | 'sigmoid' | 'relu'; readonly recurrent: string };

/** A perturbation inside the recurrence; maps never get here. */
export interface FusedPerturbation {
  readonly site: Extract<
    Site,
    'recurrent' | 'preactivation.recurrent' | 'candidate' | 'readout' | 'cell' | 'hidden' | 'weights.recurrent'
  >;
  /** At `weights.recurrent`: which of the cell's matrices. */
  readonly weight?: string;
  readonly kind: 'scale' | 'shift' | 'retain';
  /**
   * `[1|T, 1|B, 1|N]` or a scalar. `recurrent`: also `[1|T, 1|B, G, 1|N]`, another for each gate. `weights.recurrent`: a
   * scalar, `[1|rows, 1|columns]` or `[T, 1|rows, 1|columns]`.
   */
  readonly value: tf.Tensor;
  /** No gradient of the value is ever asked for. */
  readonly constant?: boolean;
}

/** What makes of a matrix that of each step. */
export interface SteppedPerturbation {
  readonly kind: 'scale' | 'shift';
  /** A scalar, `[1|rows, 1|columns]` or `[T, 1|rows, 1|columns]`. */
  readonly value: tf.Tensor;
  /** No gradient of the value is ever asked for. */
  readonly constant?: boolean;
}

export interface FusedSequenceRequest {
  readonly cell: FusedCell;
  /** Input product of all steps with the input bias, `[T, B, G·H]`. */
  readonly product: tf.Tensor3D;
  /** The layer's parameters by name, with what perturbs a recurrent weight alike at all steps, up to the first that does not. */
  readonly weights: Readonly<Record<string, tf.Tensor>>;
  /** State before the first step, `[B, H]` each. */
  readonly state: Readonly<Record<string, tf.Tensor2D>>;
  /** In the order in which they act at their site. */
  readonly perturbations: readonly FusedPerturbation[];
}

/** A recurrence whose two products, and the readout where the cell has one, are batch-normalised and nothing else. */
export interface NormalizedSequenceRequest {
  readonly cell: FusedCell;
  /** Input product of all steps, neither normalised nor with a bias, `[T, B, G·H]`. */
  readonly product: tf.Tensor3D;
  /** Added to the sum of the two normalised products, `[G·H]`. */
  readonly bias: tf.Tensor1D | undefined;
  /** As in `FusedSequenceRequest`. */
  readonly weights: Readonly<Record<string, tf.Tensor>>;
  /** State before the first step, `[B, H]` each; differentiable. */
  readonly state: Readonly<Record<string, tf.Tensor2D>>;
  readonly input: Normalization;
  readonly recurrent: Normalization;
  readonly readout: Normalization | undefined;
}

/**
 * A simple network over means and variances: what fast dropout makes of the units of h_{t-1}, and how the moments of φ(a),
 * a normal, are found. Equations: plugins/fast-dropout.
 */
export interface FusedMoments {
  readonly activation: 'tanh' | 'sigmoid' | 'relu';
  /** Name of the recurrent matrix. */
  readonly recurrent: string;
  /** Keep probability of a unit of h_{t-1}. */
  readonly keep: number;
  /** Nodes and weights of a quadrature under the standard normal density, at most 64; none for the closed form. */
  readonly rule: readonly { readonly node: number; readonly weight: number }[];
}

export interface MomentSequenceRequest {
  readonly cell: FusedMoments;
  /** Mean and variance of the input product of all steps, the mean with the bias, `[T, B, H]`. */
  readonly product: tf.Tensor3D;
  readonly variance: tf.Tensor3D;
  /** `[H, H]` */
  readonly recurrent: tf.Tensor2D;
  /** Mean and variance before the first step, `[B, H]`; differentiable. */
  readonly state: { readonly mean: tf.Tensor2D; readonly variance: tf.Tensor2D };
}

/** Moments of the hidden states, `[T, B, H]` each, differentiable with respect to every tensor of the request. */
export interface MomentSequence {
  readonly mean: tf.Tensor3D;
  readonly variance: tf.Tensor3D;
}

export interface FusedSequence {
  /** Hidden states after the site `hidden`, `[T, B, H]`; differentiable with respect to every tensor of the request. */
  readonly hidden: tf.Tensor3D;
  /** State after the last step, without gradient. */
  readonly state: Readonly<Record<string, tf.Tensor2D>>;
}

/**
 * Kernels that a backend offers beyond tfjs's. Each has a composed counterpart in tfjs ops, which serves as fallback and as
 * oracle; a kernel that cannot take a request returns `undefined`.
 */
export interface FusedKernels {
  /** Host numbers for `Rng`. */
  readonly fills?: RandomFills;
  /** Random tensors for `Rng`. */
  readonly draws?: RandomDraws;
  readonly optimizer?: OptimizerKernels;
  readonly deviceUpdates?: DeviceUpdates;
  /** x_t · W + b for all steps, `[T, B, I]` to `[T, B, N]`: weight `[I, N]`, bias `[N]`. Differentiable with respect to every tensor. */
  linear?(x: tf.Tensor3D, weight: tf.Tensor2D, bias: tf.Tensor1D): tf.Tensor3D | undefined;
  sequence?(request: FusedSequenceRequest): FusedSequence | undefined;
  /** Statistics of the minibatch go to each `observe`, all steps at once. */
  normalizedSequence?(request: NormalizedSequenceRequest): FusedSequence | undefined;
  momentSequence?(request: MomentSequenceRequest): MomentSequence | undefined;
  /**
   * x_t · W_t for all steps, `[T, B, rows]` to `[T, B, columns]`, or transposed x_t · W_tᵀ, `[T, B, columns]` to
   * `[T, B, rows]`; W_t is `weight` `[rows, columns]` after the perturbations, of which there is at least one.
   * Differentiable with respect to every tensor.
   */
  steppedProduct?(
    x: tf.Tensor3D,
    weight: tf.Tensor2D,
    perturbations: readonly SteppedPerturbation[],
    transposed: boolean,
  ): tf.Tensor3D | undefined;
  /**
   * (x_t ⊙ m_g) · W_g side by side for the gates g, `[T, B, N]` to `[T, B, G·H]`: `masks` `[1|T, 1|B, G, 1|N]`, `weight`
   * `[N, G·H]`. Differentiable with respect to x and weight.
   *
   * @param learned whether a gradient of the masks may be asked for, with respect to which it is differentiable then
   */
  gatedProduct?(x: tf.Tensor3D, masks: tf.Tensor4D, weight: tf.Tensor2D, learned: boolean): tf.Tensor3D | undefined;
  /**
   * -log softmax(h Vᵀ + b) at the labels, `[N]`, differentiable with respect to hidden `[N, H]`, weight `[V, H]` and bias
   * `[V]`; labels int32 `[N]`.
   */
  linearCrossEntropy?(
    hidden: tf.Tensor2D,
    weight: tf.Tensor2D,
    bias: tf.Tensor1D,
    labels: tf.Tensor1D,
  ): tf.Tensor1D | undefined;
  /** Σ over its rows, to the bits of `tf.sum`: spares what tfjs does for a sum and its gradient. */
  linearCrossEntropySum?(
    hidden: tf.Tensor2D,
    weight: tf.Tensor2D,
    bias: tf.Tensor1D,
    labels: tf.Tensor1D,
  ): tf.Scalar | undefined;
  /**
   * Σ_o log(1 + exp η) - η·y with η = h Vᵀ + b, `[N]`, differentiable with respect to hidden `[N, H]`, weight `[O, H]` and
   * bias `[O]`; targets y `[N, O]`.
   */
  linearSigmoid?(
    hidden: tf.Tensor2D,
    weight: tf.Tensor2D,
    bias: tf.Tensor1D,
    targets: tf.Tensor2D,
  ): tf.Tensor1D | undefined;
}

/** Random fills under a Philox key: the same bits as the core's own loops, only sooner. */
export interface RandomFills {
  uniforms(key0: number, key1: number, out: Float32Array): void;
  normals(key0: number, key1: number, out: Float32Array): void;
  bernoulli(key0: number, key1: number, keep: number, out: Float32Array): void;
}

/**
 * Random tensors under a Philox key, made on the device: the same bits as the core's own loops. `undefined` where the kernel
 * cannot make one of this shape, or the host is quicker.
 */
export interface RandomDraws {
  uniform(key0: number, key1: number, shape: readonly number[]): tf.Tensor | undefined;
  normal(key0: number, key1: number, shape: readonly number[]): tf.Tensor | undefined;
  bernoulli(key0: number, key1: number, keep: number, shape: readonly number[]): tf.Tensor | undefined;
  /** The same with `kept` in place of 1. */
  scaledBernoulli?(
    key0: number,
    key1: number,
    keep: number,
    kept: number,
    shape: readonly number[],
  ): tf.Tensor | undefined;
}

const kernels = new Map<string, FusedKernels>();
let enabled = true;

/** @param tfjsName backend that has them */
export function registerFusedKernels(tfjsName: string, offered: FusedKernels): void {
  kernels.set(tfjsName, offered);
}

/** The current backend's fused kernels; none while switched off. */
export function fusedKernels(): FusedKernels {
  return (enabled ? kernels.get(tf.getBackend()) : undefined) ?? {};
}

/** Switches fused kernels off or on again, to compare with the composed path. */
export function enableFusedKernels(on: boolean): void {
  enabled = on;
}
