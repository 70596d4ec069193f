import type * as tf from '@tensorflow/tfjs';
import type { StartedBackend } from '../tfjs-backend.js';
import { rowsByLabelProgram } from '../wgsl/cross-entropy.js';

/** Takes the place of tfjs's UnsortedSegmentSum for rows of float32: the gradient of embeddings. */
export function rowsByLabel(theirs: tf.KernelFunc): tf.KernelFunc {
  return (params) => {
    const { x, segmentIds } = params.inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const { numSegments } = params.attrs as unknown as { numSegments: number };
    const { commands, pipelines, tensorMap } = params.backend as StartedBackend;
    const [rows, columns] = x.shape;
    const fits =
      x.shape.length === 2 &&
      segmentIds.shape.length === 1 &&
      rows! > 0 &&
      rows! <= commands.device.limits.maxComputeWorkgroupsPerDimension &&
      tensorMap.get(x.dataId).dtype === 'float32' &&
      tensorMap.get(segmentIds.dataId).dtype === 'int32';
    if (!fits) return theirs(params);
    const made = commands.make([numSegments, columns!]);
    commands.clear(made.buffer);
    const kernel = pipelines.get('rows by label', () => rowsByLabelProgram);
    commands.run(pipelines, kernel, [rows!, columns!, numSegments], [rows!], {
      x: commands.bufferOf(x),
      labels: commands.bufferOf(segmentIds),
      sums: made.buffer,
    });
    return made.info;
  };
}
