import * as tf from '@tensorflow/tfjs';
import { fail } from './outcome.js';

/** Fails where work leaves tensors behind, the second time too: the first may fill a cache of tfjs. */
export async function requireNoLeak(what: string, work: () => Promise<void> | void): Promise<void> {
  await work();
  const before = tf.memory();
  await work();
  const after = tf.memory();
  const left = after.numTensors - before.numTensors;
  if (left !== 0) fail(`${what} leaves ${left} tensor${left === 1 ? '' : 's'} behind`);
  if (after.numDataBuffers !== before.numDataBuffers)
    fail(`${what} leaves ${after.numDataBuffers - before.numDataBuffers} buffers behind`);
}
