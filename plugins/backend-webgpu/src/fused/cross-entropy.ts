import type { FusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Pipelines } from '../pipelines.js';
import {
  columnSumsProgram,
  columnThreads,
  gradientThreads,
  logitGradientProgram,
  lossProgram,
} from '../wgsl/cross-entropy.js';
import { noSecondDerivative } from './tape.js';

/**
 * `FusedKernels.linearCrossEntropy`: the products are matrix products, what lies between them is one kernel forward and two
 * backward. A label that is no outcome gives NaN: numbers on the GPU cannot be looked at without waiting.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export function createLinearCrossEntropy(
  commands: Commands,
  pipelines: Pipelines,
): NonNullable<FusedKernels['linearCrossEntropy']> {
  return (hidden, weight, bias, labels) => {
    const [rows] = hidden.shape;
    const [outputs] = weight.shape;
    const most = commands.device.limits.maxComputeWorkgroupsPerDimension;
    if (!commands.isIntegers(labels) || rows > most || rows * outputs > commands.mostNumbers) return undefined;
    const op = tf.customGrad((...inputs) => {
      const [h, v, b] = inputs.slice(0, 3).map((each) => commands.asFloats(each as tf.Tensor)) as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor1D,
      ];
      const save = inputs[3] as unknown as (tensors: tf.Tensor[]) => void;
      const logits = tf.matMul(h, v, false, true); // without bias
      const [nll, normalizer] = [commands.make([rows]), commands.make([rows])];
      commands.run(
        pipelines,
        pipelines.get('cross-entropy', () => lossProgram),
        [outputs],
        [rows],
        {
          logits: commands.buffer(logits),
          bias: commands.buffer(b),
          labels: commands.buffer(labels),
          nll: nll.buffer,
          normalizer: normalizer.buffer,
        },
      );
      save([h, v, b, labels, logits, commands.toTensor(normalizer)]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('cross-entropy');
        const [h, v, b, y, logits, normalizer] = saved as [tf.Tensor2D, tf.Tensor2D, ...tf.Tensor[]];
        const dLogits = commands.make([rows, outputs]);
        const across = Math.ceil(outputs / gradientThreads);
        commands.run(
          pipelines,
          pipelines.get('logit gradient', () => logitGradientProgram),
          [outputs],
          [across, rows],
          {
            logits: commands.buffer(logits!),
            bias: commands.buffer(b!),
            labels: commands.buffer(y!),
            normalizer: commands.buffer(normalizer!),
            dy: commands.buffer(commands.asFloats(dy)),
            d_logits: dLogits.buffer,
          },
        );
        const dBias = commands.make([outputs]);
        const columns = [Math.ceil(outputs / columnThreads)];
        commands.run(
          pipelines,
          pipelines.get('column sums', () => columnSumsProgram),
          [rows, outputs],
          columns,
          {
            x: dLogits.buffer,
            sums: dBias.buffer,
          },
        );
        const d = commands.toTensor(dLogits) as tf.Tensor2D;
        const gradients = [tf.matMul(d, v), tf.matMul(d, h, true, false), commands.toTensor(dBias)];
        d.dispose();
        return gradients;
      };
      return { value: commands.toTensor(nll), gradFunc: gradFunc as never };
    });
    return op(hidden, weight, bias) as tf.Tensor1D;
  };
}
