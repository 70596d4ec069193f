import { webgpu } from '@rnnx/backend-webgpu';
import { PluginRegistry } from '@rnnx/core';
import { createWorkload, type Spec } from './workload.js';

/** What a training step asks of the host that feeds a GPU. */
export interface GpuHost {
  /** Kernels started. */
  readonly dispatches: number;
  readonly submits: number;
  readonly milliseconds: number;
  /** Of the processor, all threads. */
  readonly processorMilliseconds: number;
}

const [warmUp, steps] = [60, 100];

/** Measures steps on Dawn's null backend, which takes every command and computes nothing. */
async function measure(spec: Spec): Promise<GpuHost> {
  process.env.RNNX_WEBGPU_FLAGS = 'backend=null';
  await new PluginRegistry([webgpu]).create('backend', 'webgpu').activate();
  const counts = { dispatchWorkgroups: 0, submit: 0 };
  const globals = globalThis as unknown as Record<
    string,
    { prototype: Record<string, (...args: unknown[]) => unknown> }
  >;
  count(globals.GPUComputePassEncoder!.prototype, 'dispatchWorkgroups', counts);
  count(globals.GPUQueue!.prototype, 'submit', counts);
  const workload = createWorkload(spec);
  for (let i = 0; i < warmUp; i++) await workload.step();
  counts.dispatchWorkgroups = counts.submit = 0;
  const processor = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < steps; i++) await workload.step();
  const milliseconds = (performance.now() - start) / steps;
  const { user, system } = process.cpuUsage(processor);
  return {
    dispatches: counts.dispatchWorkgroups / steps,
    submits: counts.submit / steps,
    milliseconds,
    processorMilliseconds: (user + system) / 1000 / steps,
  };
}

function count<Name extends string>(
  prototype: Record<string, (...args: unknown[]) => unknown>,
  name: Name,
  counts: Record<Name, number>,
): void {
  const original = prototype[name]!;
  prototype[name] = function (this: unknown, ...args: unknown[]) {
    counts[name]++;
    return original.apply(this, args);
  };
}

/** A small model: what the host does depends on layers and steps, not on sizes. The regularizer's name is the argument. */
const spec: Spec = {
  task: 'language',
  cell: 'lstm',
  layers: 2,
  hidden: 16,
  steps: 35,
  batch: 20,
  inputs: 50,
  outputs: 50,
  variant: process.argv[2] as Spec['variant'],
};
process.stdout.write(`${JSON.stringify(await measure(spec))}\n`);
