import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';
import { RnnxError } from '../errors.js';
import type { TrackedQuantity } from '../experiment/config.js';
import type { SequenceModel } from '../model/model.js';
import { spectralRadii } from './spectral-radius.js';
import { dispose } from './tensors.js';

/**
 * Quantities of the weights at an epoch's end, by name.
 *
 * `spectral-radius`: the largest modulus of the eigenvalues of each square block of each recurrent weight, as
 * `spectral-radius/layer-0/recurrent`; where gates lie side by side, one a gate: `spectral-radius/layer-0/recurrent/1`.
 * Computed on the device in single precision, by 24 squarings of the matrix.
 *
 * Errors: RNNX_OPTION_CONFLICT where the model has no such weight.
 */
export async function trackWeights(
  quantities: readonly TrackedQuantity[],
  model: Pick<SequenceModel, 'shape'>,
  weights: Weights,
): Promise<Record<string, number>> {
  if (!quantities.includes('spectral-radius')) return {};
  const tracked: Record<string, number> = {};
  for (const [layer, { recurrentWeights }] of model.shape.layers.entries())
    for (const { name } of recurrentWeights) {
      const weight = weights[`layer-${layer}/${name}`];
      const [rows = 0, columns = 0] = weight?.shape ?? [];
      if (weight === undefined || rows === 0 || columns % rows !== 0) continue;
      const blocks = columns / rows;
      const matrices = tf.tidy(
        () => tf.transpose(tf.reshape(weight, [rows, blocks, rows]), [1, 0, 2]) as tf.Tensor3D, // [gates, H, H]
      );
      try {
        for (const [block, radius] of (await spectralRadii(matrices)).entries())
          tracked[`spectral-radius/layer-${layer}/${name}${blocks === 1 ? '' : `/${block}`}`] = radius;
      } finally {
        dispose(matrices);
      }
    }
  if (Object.keys(tracked).length > 0) return tracked;
  throw new RnnxError('RNNX_OPTION_CONFLICT', 'There is no recurrent matrix to track', {
    got: 'training.track with "spectral-radius"',
    expected: 'a cell with square recurrent weights',
    remedy: 'leave training.track empty',
  });
}
