import * as tf from '@tensorflow/tfjs';
import type { SitePlan } from '../recurrence/site-plan.js';
import { tileCopies } from './monte-carlo.js';

/**
 * Rows of the embedding table for the tokens of a minibatch, with whole word types dropped where the plan says so.
 *
 * @param table `[V, E]`
 * @param tokens `[T·B]`, time-major
 * @returns `[T, K·B, E]`
 */
export function embedTokens(
  table: tf.Tensor,
  tokens: Int32Array | Float32Array,
  steps: number,
  batch: number,
  copies: number,
  plan: SitePlan,
): tf.Tensor3D {
  const rows = batch * copies;
  const ids = tileCopies(tokens, steps, batch, undefined, copies) as tf.Tensor1D; // [T·K·B]
  let embedded = rowsOf(table, ids);
  const scale = plan.embeddingScale();
  if (scale !== undefined) embedded = tf.mul(embedded, tf.expandDims(scaleOfTokens(scale, ids, rows, steps), 1));
  return tf.reshape(embedded, [steps, rows, -1]);
}

/** `tf.gather` along the first axis with a gradient of one operation in place of five. */
function rowsOf(table: tf.Tensor, ids: tf.Tensor1D): tf.Tensor {
  const gather = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    save([ids]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      tf.unsortedSegmentSum(dy, saved[0] as tf.Tensor1D, table.shape[0]!);
    return { value: tf.gather(inputs[0] as tf.Tensor, ids), gradFunc: gradFunc as never };
  });
  return gather(table);
}

/** Scale of each token, `[T·K·B]`, from one by word type for all examples, `[V]`, or for each, `[K·B, V]`. */
function scaleOfTokens(scale: tf.Tensor, ids: tf.Tensor1D, rows: number, steps: number): tf.Tensor {
  if (scale.rank === 1) return tf.gather(scale, ids);
  const vocabulary = scale.shape[1]!;
  const offsets = tf.tile(tf.range(0, rows * vocabulary, vocabulary, 'int32'), [steps]);
  return tf.gather(tf.reshape(scale, [-1]), tf.add(offsets, ids));
}
