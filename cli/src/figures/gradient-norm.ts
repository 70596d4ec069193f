import { type InitializerSpec, initialize, type Rng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Point } from '../report/chart.js';

export interface GradientNormOptions {
  /** Examples `[B][T]`, one number a step. */
  readonly sequences: readonly Float32Array[];
  readonly labels: Int32Array;
  readonly classes: number;
  readonly units: number;
  /** γ of both normalisations; β is zero. */
  readonly gamma: number;
  readonly epsilon: number;
  /** Of W_h; the other weights are orthogonal. */
  readonly recurrentInit: InitializerSpec;
  /** Of the weights and the noise on the first state. */
  readonly rng: Rng;
}

/**
 * Norm of the gradient of the loss by the state at each time step, averaged over the examples, of an untrained tanh network
 * h_t = tanh(BN(W_h h_{t-1}; γ) + BN(W_x x_t; γ)) that classifies after the last step (Cooijmans et al. 2016, figure 2a).
 * The state starts at N(0, 0.1²) so that the first steps have a variance.
 *
 * @returns `[t, ‖∂L/∂h_t‖]` for t from 1
 */
export async function gradientNorms(options: GradientNormOptions): Promise<readonly Point[]> {
  const { sequences, labels, classes, units, gamma, epsilon, recurrentInit, rng } = options;
  const batch = sequences.length;
  const steps = sequences[0]!.length;
  const weight = (
    name: string,
    rows: number,
    columns: number,
    init: InitializerSpec = { name: 'orthogonal', gain: 1 },
  ) => tf.tensor2d(initialize(init, [rows, columns], 1, rng.stream(name)), [rows, columns]);
  const norms = tf.tidy(() => {
    const [recurrent, input, output] = [
      weight('recurrent', units, units, recurrentInit),
      weight('input', 1, units),
      weight('output', units, classes),
    ];
    const normalised = (x: tf.Tensor2D) => {
      const { mean, variance } = tf.moments(x, 0);
      return tf.mul(gamma, tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon)))) as tf.Tensor2D;
    };
    const pixels = Array.from({ length: steps }, (_, t) =>
      tf.tensor2d(
        Float32Array.from(sequences, (sequence) => sequence[t]!),
        [batch, 1],
      ),
    );
    const first = tf.tensor2d(
      rng
        .stream('state')
        .normals(batch * units)
        .map((e) => 0.1 * e),
      [batch, units],
    );
    const wanted = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
    // The loss by what is added to each state is the loss by the state.
    const loss = (added: tf.Tensor) => {
      const shifts = tf.unstack(added) as tf.Tensor2D[];
      let h: tf.Tensor2D = first;
      for (const [t, x] of pixels.entries())
        h = tf.add(tf.tanh(tf.add(normalised(tf.matMul(h, recurrent)), normalised(tf.matMul(x, input)))), shifts[t]!);
      return tf.neg(tf.sum(tf.mul(wanted, tf.logSoftmax(tf.matMul(h, output))))) as tf.Scalar;
    };
    const gradient = tf.grad(loss)(tf.zeros([steps, batch, units]));
    return tf.mean(tf.sqrt(tf.sum(tf.square(gradient), 2)), 1);
  });
  const values = await norms.data();
  norms.dispose();
  return [...values].map((value, i): Point => [i + 1, value]);
}
