import type { FusedKernels } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import type { Commands } from '../commands.js';
import type { Pipelines } from '../pipelines.js';
import { columnSumsProgram, columnThreads } from '../wgsl/cross-entropy.js';
import { sigmoidGradientProgram, sigmoidLossProgram, sigmoidThreads } from '../wgsl/sigmoid.js';
import { noSecondDerivative } from './tape.js';

/**
 * `FusedKernels.linearSigmoid`: the products are matrix products, what lies between them is one kernel forward and two
 * backward. Targets that are not float32 or have another shape than the outputs are left to the composed path.
 *
 * Errors: RNNX_OPTION_INVALID where a second derivative is asked for.
 */
export function createLinearSigmoid(
  commands: Commands,
  pipelines: Pipelines,
): NonNullable<FusedKernels['linearSigmoid']> {
  return (hidden, weight, bias, targets) => {
    const [rows] = hidden.shape;
    const [outputs] = weight.shape;
    const most = commands.device.limits.maxComputeWorkgroupsPerDimension;
    if (targets.dtype !== 'float32' || !tf.util.arraysEqual(targets.shape, [rows, outputs])) return undefined;
    if (!commands.isFloats(targets) || rows > most || rows * outputs > commands.mostNumbers) return undefined;
    const op = tf.customGrad((...inputs) => {
      const [h, v, b] = inputs.slice(0, 3).map((each) => commands.asFloats(each as tf.Tensor)) as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor1D,
      ];
      const save = inputs[3] as unknown as (tensors: tf.Tensor[]) => void;
      const logits = tf.matMul(h, v, false, true); // without bias
      const nll = commands.make([rows]);
      const loss = pipelines.get('sigmoid loss', () => sigmoidLossProgram);
      commands.run(pipelines, loss, [outputs], [rows], {
        logits: commands.buffer(logits),
        bias: commands.buffer(b),
        targets: commands.buffer(targets),
        nll: nll.buffer,
      });
      save([h, v, b, targets, logits]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        if (tf.engine().isTapeOn()) throw noSecondDerivative('sigmoid loss');
        const [h, v, b, y, logits] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor, tf.Tensor, tf.Tensor];
        const dLogits = commands.make([rows, outputs]);
        const slope = pipelines.get('sigmoid gradient', () => sigmoidGradientProgram);
        commands.run(pipelines, slope, [outputs], [Math.ceil(outputs / sigmoidThreads), rows], {
          logits: commands.buffer(logits),
          bias: commands.buffer(b),
          targets: commands.buffer(y),
          dy: commands.buffer(commands.asFloats(dy)),
          d_logits: dLogits.buffer,
        });
        const dBias = commands.make([outputs]);
        const sums = pipelines.get('column sums', () => columnSumsProgram);
        commands.run(pipelines, sums, [rows, outputs], [Math.ceil(outputs / columnThreads)], {
          x: dLogits.buffer,
          sums: dBias.buffer,
        });
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
