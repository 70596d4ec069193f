import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { type CpuBackend, ofType } from './host.js';
import { stockKernels } from './registry.js';

/**
 * Kernels that cannot be filled: the wasm backend has no storage for complex numbers, and Draw writes to a browser's
 * canvas.
 */
export const unfillable: ReadonlySet<string> = new Set([
  'Complex',
  'ComplexAbs',
  'Draw',
  'FFT',
  'IFFT',
  'Imag',
  'Real',
]);

/** The cpu backend without its advertisement for tfjs-node on first use. */
export function quietCpuBackend(): CpuBackend {
  const backend = tf.findBackend('cpu') as unknown as CpuBackend;
  backend.firstUse = false;
  return backend;
}

/** Gives the wasm backend every kernel that only the cpu backend has, run there on copies. Returns what it added. */
export function fillFromCpu(): string[] {
  const added: string[] = [];
  for (const kernel of stockKernels('cpu')) {
    const { kernelName } = kernel;
    if (unfillable.has(kernelName) || tf.getKernel(kernelName, 'wasm') !== undefined) continue;
    tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: throughCpu(kernel.kernelFunc) });
    added.push(kernelName);
  }
  return added;
}

type Inputs = tf.TensorInfo | undefined | null | Inputs[] | { [name: string]: Inputs };

/** A wasm kernel that copies its inputs to the cpu backend, computes there, and copies the results back. */
export function throughCpu(kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    const cpu = quietCpuBackend();
    const wasm = backend as BackendWasm;
    const held = new Set<object>();
    const hold = (x: tf.TensorInfo): tf.TensorInfo => {
      held.add(x.dataId);
      return x;
    };
    const toCpu = (x: tf.TensorInfo) => hold(cpu.makeTensorInfo(x.shape, x.dtype, wasm.readSync(x.dataId)));
    // Absent inputs stay absent and lists stay lists: some kernels take a list, or a list under one name.
    const copy = (x: Inputs): Inputs => {
      if (x == null) return x;
      if (Array.isArray(x)) return x.map(copy);
      if ('dataId' in x) return toCpu(x as tf.TensorInfo);
      return Object.fromEntries(Object.entries(x).map(([name, inner]) => [name, copy(inner)]));
    };
    const copies = copy(inputs as Inputs) as tf.NamedTensorInfoMap;
    const fromCpu = (x: tf.TensorInfo): tf.TensorInfo => {
      const values = cpu.readSync(hold(x).dataId);
      return wasm.makeOutput(x.shape, x.dtype, undefined, x.dtype === 'string' ? values : ofType(values, x.dtype));
    };
    try {
      const results = kernelFunc({ inputs: copies, attrs: attrs ?? {}, backend: cpu });
      return Array.isArray(results) ? results.map(fromCpu) : fromCpu(results);
    } finally {
      // An output may be an input under another shape: each data bucket goes once.
      for (const id of held) cpu.disposeData(id, true);
    }
  };
}
