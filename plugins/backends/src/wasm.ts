import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Backend, type BackendStatus, definePlugin, RnnxError, startBackend } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { completeWasmKernels } from './kernels/wasm.js';

const packageName = '@tensorflow/tfjs-backend-wasm';
const remedy = `npm install ${packageName}@${tf.version['tfjs-core']}`;

class Wasm implements Backend {
  readonly tfjsName = 'wasm';

  async probe(): Promise<BackendStatus> {
    const found = locate();
    if ('reason' in found) return { available: false, reason: found.reason, remedy };
    const simd = hasSimd() ? 'SIMD' : 'no SIMD (this machine lacks it: several times slower)';
    return {
      available: true,
      detail: `tfjs-backend-wasm ${found.version}, ${simd}, 1 thread (tfjs has no more in Node)`,
    };
  }

  async activate(): Promise<void> {
    const found = locate();
    if ('reason' in found) throw unavailable(found.reason);
    const before = crashListeners();
    try {
      const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
      setWasmPaths(`${found.directory}/`);
      completeWasmKernels();
      await startBackend('wasm');
    } catch (cause) {
      throw unavailable(cause instanceof Error ? cause.message : String(cause), cause);
    } finally {
      removeAddedListeners(before);
    }
  }
}

function locate(): { directory: string; version: string } | { reason: string } {
  let main: string;
  let manifest: string;
  try {
    const { resolve } = createRequire(import.meta.url);
    main = resolve(packageName);
    manifest = resolve(`${packageName}/package.json`);
  } catch {
    return { reason: `${packageName} is not installed` };
  }
  const binary = join(dirname(main), `tfjs-backend-wasm${hasSimd() ? '-simd' : ''}.wasm`);
  if (!existsSync(binary)) return { reason: `${binary} is missing` };
  return { directory: dirname(main), version: JSON.parse(readFileSync(manifest, 'utf8')).version };
}

function unavailable(reason: string, cause?: unknown): RnnxError {
  return new RnnxError('RNNX_BACKEND_UNAVAILABLE', 'The wasm backend cannot run here', {
    got: reason,
    expected: `${packageName} with its .wasm files, and WebAssembly in this Node`,
    remedy,
    cause,
  });
}

/** A module with one function that makes a vector: valid only where SIMD is. */
function hasSimd(): boolean {
  const vectorModule = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 9, 1, 7, 0, 65, 0, 253, 15, 26, 11,
  ];
  const { WebAssembly } = globalThis as { WebAssembly?: { validate(module: Uint8Array): boolean } };
  return WebAssembly?.validate(new Uint8Array(vectorModule)) ?? false;
}

const crashEvents = ['uncaughtException', 'unhandledRejection'] as const;

function crashListeners(): Map<string, unknown[]> {
  return new Map(crashEvents.map((event) => [event, process.rawListeners(event)]));
}

/** The wasm module's loader rethrows every uncaught error of the process, in the way of the host's own handling. */
function removeAddedListeners(before: Map<string, unknown[]>): void {
  for (const event of crashEvents)
    for (const listener of process.rawListeners(event))
      if (!before.get(event)!.includes(listener) && /ExitStatus|throw reason/.test(String(listener)))
        process.removeListener(event, listener as () => void);
}

/**
 * tfjs's WebAssembly backend (XNNPACK, SIMD), completed for training: kernels that it lacks run through the cpu
 * backend, products with a transposed side are brought to XNNPACK, and a part of a tensor is copied without the rest.
 * Complex numbers are not supported.
 *
 * Errors: RNNX_BACKEND_UNAVAILABLE.
 */
export const wasm = definePlugin<'backend', Record<never, never>>({
  kind: 'backend',
  name: 'wasm',
  summary: 'WebAssembly with SIMD on one core: the portable default, nothing to install',
  core: '^0.1.0',
  paper: null,
  schema: { type: 'object', additionalProperties: false, properties: {} },
  create: () => new Wasm(),
});
