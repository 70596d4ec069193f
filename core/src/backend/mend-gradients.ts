import * as tf from '@tensorflow/tfjs';

/**
 * Replaces gradients that tfjs 4.22 gets wrong, for every backend:
 * - unstack and split into a single tensor fail, because a single output's gradient is not a list;
 * - a product that broadcasts one matrix over a stack fails, because the gradient keeps the stack's shape;
 * - the cumulative sum along any axis but the last comes out transposed.
 */
export function mendGradients(): void {
  for (const gradient of [unpack, splitV, batchMatMul, cumsum]) tf.registerGradient(gradient);
}

const unpack: tf.GradConfig = {
  kernelName: 'Unpack',
  gradFunc: (dy, _saved, attrs) => ({ value: () => tf.stack([dy].flat(), attrs.axis as number) }),
};

const splitV: tf.GradConfig = {
  kernelName: 'SplitV',
  gradFunc: (dy, _saved, attrs) => ({ x: () => tf.concat([dy].flat(), attrs.axis as number) }),
};

const cumsum: tf.GradConfig = {
  kernelName: 'Cumsum',
  gradFunc: (dy, _saved, attrs) => ({
    x: () => tf.cumsum(dy as tf.Tensor, attrs.axis as number, attrs.exclusive as boolean, !attrs.reverse),
  }),
};

/** c = a b gives da = dc b' and db = a' dc; where a is stored transposed its gradient is too, and so for b. */
const batchMatMul: tf.GradConfig = {
  kernelName: 'BatchMatMul',
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, saved, attrs) => {
    const [a, b] = saved as [tf.Tensor, tf.Tensor];
    const dc = dy as tf.Tensor;
    const transposeA = attrs.transposeA as boolean;
    const transposeB = attrs.transposeB as boolean;
    return {
      a: () => sumTo(a.shape, transposeA ? tf.matMul(b, dc, transposeB, true) : tf.matMul(dc, b, false, !transposeB)),
      b: () => sumTo(b.shape, transposeB ? tf.matMul(dc, a, true, transposeA) : tf.matMul(a, dc, !transposeA, false)),
    };
  },
};

/** Adds up what a tensor of this shape was broadcast to. */
function sumTo(shape: number[], broadcast: tf.Tensor): tf.Tensor {
  const axes = tf.backend_util.getReductionAxes(shape, broadcast.shape);
  return axes.length === 0 ? broadcast : broadcast.sum(axes).reshape(shape);
}
