import { webgpu } from '@rnnx/backend-webgpu';
import { PluginRegistry } from '@rnnx/core';
import { median } from './report.js';
import { createWorkload, type Spec } from './workload.js';

/** What a training step asks of the host that feeds a GPU. */
export interface GpuHost {
  /** Kernels started. */
  readonly dispatches: number;
  readonly submits: number;
  /** Bind groups made and not found again. */
  readonly bindGroups: number;
  /** Median of rounds. */
  readonly milliseconds: number;
  /** Of the processor, all threads; median of rounds. */
  readonly processorMilliseconds: number;
}

const [warmUp, rounds, steps] = [100, 11, 20];

/** Measures steps on Dawn's null backend, which takes every command and computes nothing. */
async function measure(spec: Spec): Promise<GpuHost> {
  process.env.RNNX_WEBGPU_FLAGS = 'backend=null';
  const backend = new PluginRegistry([webgpu]).create('backend', 'webgpu');
  await backend.probe(); // makes WebGPU's classes known
  const counts = { dispatchWorkgroups: 0, submit: 0, createBindGroup: 0 };
  const globals = globalThis as unknown as Record<
    string,
    { prototype: Record<string, (...args: unknown[]) => unknown> }
  >;
  count(globals.GPUComputePassEncoder!.prototype, 'dispatchWorkgroups', counts);
  count(globals.GPUQueue!.prototype, 'submit', counts);
  count(globals.GPUDevice!.prototype, 'createBindGroup', counts);
  await backend.activate();
  const workload = createWorkload(spec);
  await workload.run(warmUp);
  counts.dispatchWorkgroups = counts.submit = counts.createBindGroup = 0;
  const [elapsed, used]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const processor = process.cpuUsage();
    const start = performance.now();
    await workload.run(steps);
    elapsed.push((performance.now() - start) / steps);
    const { user, system } = process.cpuUsage(processor);
    used.push((user + system) / 1000 / steps);
  }
  return {
    dispatches: counts.dispatchWorkgroups / (rounds * steps),
    submits: counts.submit / (rounds * steps),
    bindGroups: counts.createBindGroup / (rounds * steps),
    milliseconds: median(elapsed),
    processorMilliseconds: median(used),
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

/** A small model: what the host does depends on layers and steps, not on sizes. The regularizer's name and the cell's are the arguments. */
const cell = (process.argv[3] ?? 'lstm') as Spec['cell'];
const spec: Spec = {
  task: cell === 'fast-dropout' ? 'music' : 'language', // the outputs that take a variance
  cell,
  layers: 2,
  hidden: 16,
  steps: 35,
  batch: 20,
  inputs: 50,
  outputs: 50,
  variant: process.argv[2] as Spec['variant'],
};
process.stdout.write(`${JSON.stringify(await measure(spec))}\n`);
