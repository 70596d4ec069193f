import * as tf from '@tensorflow/tfjs';
import type { ParameterSpec, Weights } from '../contracts/parameters.js';
import type { AttentionTerm } from '../contracts/regularizer.js';
import type { SitePlan } from '../recurrence/site-plan.js';

/** The terms that enter a tanh; each is the product with the parameter of its name. */
const terms = ['attention/document', 'attention/question', 'joint/document', 'joint/question'] as const;

/** Sizes of the terms as regularizers see them. */
export function attentionTerms(hiddenSize: number): AttentionTerm[] {
  return terms.map((name) => ({ name, size: hiddenSize }));
}

/** `attention/score` is the vector w; the others are square. */
export function attentionSpecs(hiddenSize: number): ParameterSpec[] {
  const square = (name: string): ParameterSpec => ({ name, shape: [hiddenSize, hiddenSize] });
  const [ym, um, rg, ug] = terms;
  return [square(ym), square(um), { name: 'attention/score', shape: [hiddenSize, 1] }, square(rg), square(ug)];
}

/**
 * Attention of a question over a document (Hermann et al. 2015, section 3.2).
 *
 *     m(t) = tanh(y(t) W_ym + u W_um)
 *     s(t) ∝ exp(m(t) · w)            over the document, 0 on padding
 *     r = Σ_t s(t) y(t)
 *     g = tanh(r W_rg + u W_ug)
 *
 * @param y document states, `[T, R, H]`
 * @param u question state, `[R, H]`
 * @param mask `[T, R]`, 0 is padding
 * @param plan the four products pass its site `attention`
 * @returns g `[R, H]` and s `[T, R]`
 */
export function attend(
  y: tf.Tensor3D,
  u: tf.Tensor2D,
  mask: tf.Tensor | undefined,
  weights: Weights,
  plan: SitePlan,
): { readonly joint: tf.Tensor2D; readonly attention: tf.Tensor2D } {
  const [steps, rows, size] = y.shape;
  const [ym, um, rg, ug] = terms;
  const flat = tf.reshape(y, [steps * rows, size]);
  const fromDocument = tf.reshape(tf.matMul(flat, weights[ym] as tf.Tensor2D), [steps, rows, size]);
  const once = (name: string, x: tf.Tensor2D) =>
    plan.attention(name, tf.matMul(x, weights[name] as tf.Tensor2D), 0) as tf.Tensor2D;
  const m = tf.tanh(tf.add(plan.attention(ym, fromDocument, undefined), once(um, u))); // [T, R, H]
  const scores = tf.matMul(tf.reshape(m, [steps * rows, size]), weights['attention/score'] as tf.Tensor2D);
  let logits = tf.transpose(tf.reshape(scores, [steps, rows])); // [R, T]
  // Low enough for exp to give exactly 0 beside any real position, and no infinity to spoil the gradient.
  if (mask !== undefined) logits = tf.add(logits, tf.mul(tf.sub(tf.transpose(mask), 1), 1e9));
  const attention = tf.transpose(tf.softmax(logits)) as tf.Tensor2D; // [T, R]
  const r = tf.sum(tf.mul(y, tf.expandDims(attention, 2)), 0) as tf.Tensor2D; // [R, H]
  return { joint: tf.tanh(tf.add(once(rg, r), once(ug, u))), attention };
}
