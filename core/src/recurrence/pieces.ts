import * as tf from '@tensorflow/tfjs';

/** `tf.unstack` along the first axis; tfjs cannot take the gradient of one piece. */
export function unstackSteps(x: tf.Tensor): tf.Tensor[] {
  return x.shape[0] === 1 ? [tf.squeeze(x, [0])] : tf.unstack(x, 0);
}

/** `tf.split` into equal pieces, also into one. */
export function splitEvenly(x: tf.Tensor, pieces: number, axis: number): tf.Tensor[] {
  return pieces === 1 ? [x] : tf.split(x, pieces, axis);
}
