import * as tf from '@tensorflow/tfjs';

/**
 * `x · W` for one matrix and many `x`, as a recurrence needs it once a step. Values and gradients are those of `tf.matMul`,
 * but the gradient of the matrix is one product over all uses instead of a product and a sum of matrices for each:
 *
 *     dW = Σ_t x_tᵀ dy_t = [x_1; ..; x_T]ᵀ [dy_1; ..; dy_T]
 *
 * which spares a third of a training step. Every use must be within the gradient tape in which this was called. There are no
 * second derivatives with respect to the matrix.
 *
 * @param weight `[K, N]`
 * @returns takes `[M, K]`, gives `[M, N]`
 */
export function sharedProduct(weight: tf.Tensor2D): (x: tf.Tensor2D) => tf.Tensor2D {
  const uses: { readonly x: tf.Tensor2D; readonly dy: tf.Tensor2D }[] = [];

  // A number that depends on the matrix, and on which every product depends: tfjs asks for its gradient after all of theirs,
  // and by then knows what they were used with.
  const tie = tf.customGrad((w) => ({
    value: tf.scalar(0),
    gradFunc: () => {
      const used = uses.splice(0);
      if (used.length === 0) return tf.zerosLike(w as tf.Tensor);
      const [xs, dys] = [tf.concat(used.map(({ x }) => x)), tf.concat(used.map(({ dy }) => dy))];
      return tf.matMul(xs, dys, true, false);
    },
  }))(weight) as tf.Scalar;

  const product = tf.customGrad((...args) => {
    const [x, , save] = args as unknown as [tf.Tensor2D, tf.Scalar, tf.GradSaveFunc];
    save([x, weight]);
    return {
      value: tf.matMul(x, weight),
      gradFunc: (dy, saved) => {
        const [from, w] = saved as [tf.Tensor2D, tf.Tensor2D];
        uses.push({ x: from, dy: dy as tf.Tensor2D });
        return [tf.matMul(dy as tf.Tensor2D, w, false, true), tf.scalar(0)];
      },
    };
  });
  return (x) => product(x, tie) as tf.Tensor2D;
}
