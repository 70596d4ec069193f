import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import native, { fallbacks } from '@rnnx/backend-native';
import portable from '@rnnx/backends';
import { type Backend, PluginRegistry } from '@rnnx/core';
import { type PyTorch, startPyTorch } from './pytorch.js';
import { machine, markdown, type Report, type Row, summarize } from './report.js';
import { createWorkload, type Size, sizes, variants, type Workload } from './workload.js';

const usage = `npm run bench -- [--sizes 200,650,1500] [--rounds N] [--seconds S] [--backends native,wasm] [--json FILE] [--markdown FILE]
  --sizes     hidden sizes; default 200 (the larger take minutes on a slow backend)
  --seconds   shortest time of one round of one variant; at least one step is taken`;

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    backends: { type: 'string', default: 'native,wasm,cpu,tensorflow' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** One timed round: as many steps as fit into `seconds`, tokens a second. */
async function measure(workload: Workload, seconds: number): Promise<number> {
  const start = performance.now();
  let steps = 0;
  do {
    await workload.step();
    steps += 1;
  } while (performance.now() - start < seconds * 1000);
  return (steps * workload.tokens * 1000) / (performance.now() - start);
}

/** All engines and variants in turn within a round, so that a slow minute of the machine touches all alike. */
async function compare(size: Size, engines: ReadonlyMap<string, Backend>, pytorch: PyTorch | undefined) {
  const seconds = Number(options.seconds);
  const raw = new Map<string, Map<string, number[]>>();
  const record = (engine: string, variant: string, value: number) => {
    const byVariant = raw.get(engine) ?? new Map<string, number[]>();
    byVariant.set(variant, [...(byVariant.get(variant) ?? []), value]);
    raw.set(engine, byVariant);
  };
  const workloads = new Map<string, Workload>();
  for (const [engine, backend] of engines) {
    await backend.activate();
    for (const [variant, regularizers] of Object.entries(variants)) {
      const workload = createWorkload(size, regularizers);
      await workload.step(); // compiles and fills caches
      workloads.set(`${engine}/${variant}`, workload);
    }
  }
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const [engine, backend] of engines) {
      await backend.activate();
      for (const variant of Object.keys(variants))
        record(engine, variant, await measure(workloads.get(`${engine}/${variant}`)!, seconds));
    }
    if (pytorch !== undefined)
      for (const variant of Object.keys(variants))
        record('pytorch', variant, await pytorch.measure(size, variant, seconds));
    process.stderr.write(`2x${size.hiddenSize}: round ${round} of ${options.rounds}\n`);
  }
  for (const workload of workloads.values()) workload.dispose();
  return raw;
}

async function available(): Promise<Map<string, Backend>> {
  const registry = new PluginRegistry([...native, ...portable]);
  const found = new Map<string, Backend>();
  for (const name of options.backends.split(',')) {
    const backend = registry.create('backend', name);
    const status = await backend.probe();
    if (status.available) found.set(name, backend);
    else process.stderr.write(`${name}: ${status.reason}\n`);
  }
  return found;
}

function chosenSizes(): Size[] {
  return options.sizes.split(',').map((text) => {
    const size = sizes.find(({ hiddenSize }) => hiddenSize === Number(text));
    if (size === undefined) throw new Error(`--sizes ${text}: expected ${sizes.map((s) => s.hiddenSize).join(', ')}`);
    return size;
  });
}

if (options.help) {
  console.log(usage);
} else {
  const engines = await available();
  const pytorch = await startPyTorch();
  const rows: Row[] = [];
  for (const size of chosenSizes())
    rows.push(...summarize(`2x${size.hiddenSize}, T ${size.steps}`, await compare(size, engines, pytorch)));
  pytorch?.close();
  const report: Report = { machine: machine(pytorch?.version), rows };
  const text = markdown(report);
  console.log(text);
  // What the native backend left to JavaScript costs more than it looks.
  for (const { kernel, calls } of fallbacks()) console.log(`native: ${calls} calls of ${kernel} ran in JavaScript`);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.markdown !== undefined) writeFileSync(options.markdown, text);
}
