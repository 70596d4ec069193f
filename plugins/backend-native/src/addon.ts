import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Addon } from './addon-types.js';

/** A loaded addon, or why there is none. */
export type FoundAddon =
  | { readonly addon: Addon; readonly path: string }
  | { readonly reason: string; readonly remedy: string };

/** Optional package with a prebuilt addon for this machine. */
export const platformPackage = `@rnnx/backend-native-${process.platform}-${process.arch}`;

const require = createRequire(import.meta.url);
const built = fileURLToPath(new URL('../build/rnnx-native.node', import.meta.url));
const build = 'npm rebuild @rnnx/backend-native, with a C++17 compiler (Debian: apt-get install g++)';

/** Without these it is an addon of another version. */
const needed: readonly (keyof Addon)[] = [
  'adam',
  'addSquares',
  'addSquaresRows',
  'average',
  'binary',
  'clearRows',
  'clip',
  'compareFloat',
  'compareInt',
  'copyBool',
  'copyFloat',
  'copyInt',
  'fillBool',
  'fillFloat',
  'fillInt',
  'floatFromBool',
  'floatFromInt',
  'gather',
  'gatedProduct',
  'gatedProductGradient',
  'gemm',
  'intFromFloat',
  'isa',
  'kernelsCalled',
  'linear',
  'logical',
  'momentBackward',
  'momentForward',
  'normalizedBackward',
  'normalizedForward',
  'normalizedMemory',
  'momentum',
  'reduce',
  'repeat',
  'rmsprop',
  'segmentSum',
  'selectFloat',
  'selectInt',
  'sequenceBackward',
  'sequenceForward',
  'sequenceMemory',
  'setQueueMode',
  'setThreadCount',
  'sgd',
  'sgdRows',
  'sigmoidLoss',
  'sigmoidLossGradient',
  'softmax',
  'philoxBernoulli',
  'philoxNormals',
  'philoxUniforms',
  'softmaxLoss',
  'softmaxLossGradient',
  'softmaxLossMemory',
  'threadCount',
  'unary',
  'waitForKernels',
  'waitUntilRun',
];

let found: FoundAddon | undefined;

/**
 * The addon, looked up once: where the environment variable RNNX_NATIVE_ADDON says, else what was compiled here, else the
 * optional package for this platform.
 */
export function findAddon(): FoundAddon {
  found ??= search(process.env.RNNX_NATIVE_ADDON);
  return found;
}

/** @param given path that takes the place of all others */
export function search(given: string | undefined): FoundAddon {
  if (given) {
    const path = resolve(given);
    if (existsSync(path)) return load(path);
    return { reason: `RNNX_NATIVE_ADDON names ${path}, which is not there`, remedy: 'unset it or mend the path' };
  }
  const tried: string[] = [];
  for (const path of [existsSync(built) ? built : undefined, packaged()]) {
    if (path === undefined) continue;
    const loaded = load(path);
    if ('addon' in loaded) return loaded;
    tried.push(loaded.reason);
  }
  if (tried.length > 0) return { reason: tried.join('; '), remedy: build };
  return {
    reason: `its addon was not compiled, and ${platformPackage} is not installed`,
    remedy: `npm install ${platformPackage}, or ${build}`,
  };
}

function packaged(): string | undefined {
  try {
    return require.resolve(platformPackage);
  } catch {
    return undefined;
  }
}

function load(path: string): FoundAddon {
  let addon: Partial<Addon>;
  try {
    addon = require(path) as Partial<Addon>;
  } catch (error) {
    return { reason: `${path} does not load: ${(error as Error).message}`, remedy: build };
  }
  const lacking = needed.filter((name) => typeof addon[name] !== 'function');
  if (lacking.length > 0)
    return { reason: `${path} is of another version: it lacks ${lacking.join(', ')}`, remedy: build };
  return { addon: addon as Addon, path };
}
