import * as core from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { createJiti, type Jiti } from 'jiti';

/**
 * Loads modules of the user: JavaScript or TypeScript, wherever they lie. Whatever they import as `@rnnx/core` or
 * `@tensorflow/tfjs` is ours, since a second copy would have tensors and errors of its own.
 *
 * @param folder from which package names and relative paths resolve
 * @param more modules that are ours too
 */
export function hostLoader(folder: string, more: Readonly<Record<string, unknown>> = {}): Jiti {
  return createJiti(`${folder}/_`, {
    virtualModules: { '@rnnx/core': core, '@tensorflow/tfjs': tf, ...more },
    fsCache: false, // nothing written into the user's folders
    moduleCache: false,
    interopDefault: true,
  });
}
