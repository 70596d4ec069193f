import * as tf from '@tensorflow/tfjs';
import { type Fallback, fallbacks, resetFallbacks } from './fallbacks.js';

const [steps, batch, width, words] = [2, 16, 192, 1024];

/**
 * Runs one training step of a small language model, written operation by operation, on tfjs's current backend, and says
 * what of it was done in JavaScript on large tensors. Counts from before are lost.
 */
export async function trialFallbacks(): Promise<Fallback[]> {
  resetFallbacks();
  const gradients = tf.tidy(() => tf.grads(loss)(weights()));
  await Promise.all(gradients.map((gradient) => gradient.data()));
  tf.dispose(gradients);
  const found = fallbacks();
  resetFallbacks();
  return found;
}

/** Deterministic numbers between -0.1 and 0.1. */
function waves(shape: number[]): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => 0.1 * Math.sin(12.9898 * i)),
    shape,
  );
}

function weights(): tf.Tensor[] {
  return [[words, width], [width, 4 * width], [width, 4 * width], [4 * width], [width, words], [words]].map(waves);
}

function loss(embedding: tf.Tensor, input: tf.Tensor, recurrent: tf.Tensor, ...rest: tf.Tensor[]): tf.Scalar {
  const [bias, output, outputBias] = rest as [tf.Tensor, tf.Tensor, tf.Tensor];
  const read = tf.tensor1d(
    Int32Array.from({ length: steps * batch }, (_, i) => (i * i) % words),
    'int32',
  );
  const product = tf.gather(embedding, read).matMul(input).add(bias);
  let h: tf.Tensor = tf.zeros([batch, width]);
  let c: tf.Tensor = tf.zeros([batch, width]);
  const tops = tf.unstack(product.reshape([steps, batch, 4 * width])).map((x) => {
    const [i, f, g, o] = tf.split(x.add(h.matMul(recurrent)), 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    c = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
    h = o.sigmoid().mul(c.tanh());
    return h;
  });
  const logits = tf.concat(tops).matMul(output).add(outputBias);
  const rows = tf.range(0, steps * batch, 1, 'int32').mul(tf.scalar(words, 'int32'));
  return tf.gather(tf.logSoftmax(logits).flatten(), rows.add(read)).mean().neg().asScalar();
}
