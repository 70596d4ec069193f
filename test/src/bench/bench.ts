import type { Backend } from '@rnnx/core';
import type { PyTorch, PyTorchSpec } from './pytorch.js';
import { type Contestant, settled } from './rounds.js';
import type { Scale } from './scale.js';
import { createWorkload, type Spec, type Variant, type Workload } from './workload.js';

/** What lines measure with. */
export interface Bench {
  /** Fewest rounds of each comparison. */
  readonly rounds: number;
  /** Shortest time of one measurement; at least one step is taken. */
  readonly seconds: number;
  /** Time for each contestant of a comparison in all rounds, in seconds. */
  readonly total: number;
  readonly scale: Scale;
  /** Hidden sizes of the language models. */
  readonly sizes: readonly number[];
  /** By name; the first one is measured in every line. */
  readonly engines: ReadonlyMap<string, Backend>;
  readonly pytorch: PyTorch | undefined;
  readonly threads: number;
  progress(text: string): void;
}

export function firstEngine({ engines }: Bench): string {
  return engines.keys().next().value!;
}

export function languageSpec({ scale }: Bench, hidden: number, variant: Variant = 'plain'): Spec {
  const spec = scale.language[hidden];
  if (spec === undefined)
    throw new Error(`--sizes ${hidden}: expected some of ${Object.keys(scale.language).join(', ')}`);
  return { ...spec, variant };
}

export function whereOf({ layers, cell, hidden, steps, batch }: Spec): string {
  return `${cell} ${layers}x${hidden}, T ${steps}, batch ${batch}`;
}

function unitOf({ task }: Spec): string {
  return task === 'language' ? 'tokens/s' : 'frames/s';
}

/** Training steps on one of the backends; tokens or frames a second. Its first step is taken here: it fills caches. */
export async function trained(bench: Bench, engine: string, spec: Spec, name: string = spec.variant) {
  const backend = bench.engines.get(engine)!;
  await backend.activate();
  const workload: Workload = createWorkload(spec);
  // V8 compiles what a step runs in JavaScript during its first dozens: that is no part of a training run's speed.
  await workload.speed(bench.total / 4);
  const contestant: Contestant = {
    where: whereOf(spec),
    engine,
    variant: name,
    unit: unitOf(spec),
    async measure() {
      await backend.activate();
      return (await settled(workload.speed, bench.seconds)) * spec.steps * spec.batch;
    },
    dispose: () => workload.dispose(),
  };
  return contestant;
}

/** The same in PyTorch; none where there is no PyTorch. */
export function inPyTorch({ pytorch, seconds }: Bench, spec: PyTorchSpec, name: string = spec.variant): Contestant[] {
  if (pytorch === undefined) return [];
  const speed = (seconds: number) => pytorch.stepsPerSecond(spec, seconds);
  const measure = async () => (await settled(speed, seconds)) * spec.steps * spec.batch;
  return [{ where: whereOf(spec), engine: 'pytorch', variant: name, unit: unitOf(spec), measure }];
}
