import * as tf from '@tensorflow/tfjs';
import { mendGradients } from './mend-gradients.js';

/**
 * Makes a backend tfjs's current one, mends tfjs's gradients, and tries it out. Where that fails the one before is current again: tfjs by
 * itself would go on with a name that has no backend behind it.
 */
export async function startBackend(name: string, tryOut?: () => Promise<void>): Promise<void> {
  const before: string | null = tf.getBackend();
  try {
    if (tf.findBackendFactory(name) == null) throw new Error(`no tfjs backend "${name}" was registered`);
    if (!(await tf.setBackend(name)))
      throw new Error(`tfjs could not start its backend "${name}"; its warning says why`);
    mendGradients();
    await tryOut?.();
  } catch (error) {
    if (before != null && before !== name) await tf.setBackend(before);
    throw error;
  }
}
