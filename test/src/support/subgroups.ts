interface Adapter {
  readonly info: Readonly<Record<string, unknown>>;
  readonly limits: object;
  readonly features: ReadonlySet<string>;
  requestDevice(descriptor: object): Promise<object>;
}

interface Sizes {
  readonly least: number;
  readonly most: number;
}

const names = ['vendor', 'architecture', 'device', 'description', 'subgroupMinSize', 'subgroupMaxSize'];

/** Does some work with adapters that say of themselves what `info` says. The classes of WebGPU must be known: probe first. */
export async function withAdapterInfo<T>(info: Readonly<Record<string, unknown>>, work: () => Promise<T>): Promise<T> {
  const { prototype } = (globalThis as unknown as { GPU: { prototype: { requestAdapter: RequestAdapter } } }).GPU;
  const original = prototype.requestAdapter;
  prototype.requestAdapter = async function (options) {
    const adapter = await original.call(this, options);
    const own = Object.fromEntries([...names, 'isFallbackAdapter'].map((name) => [name, adapter.info[name]]));
    const { limits, features } = adapter;
    return { info: { ...own, ...info }, limits, features, requestDevice: (wanted) => adapter.requestDevice(wanted) };
  };
  try {
    return await work();
  } finally {
    prototype.requestAdapter = original;
  }
}

type RequestAdapter = (options: object) => Promise<Adapter>;

/** Does some work with the text of shaders changed. */
export async function withShaders<T>(change: (code: string) => string, work: () => Promise<T>): Promise<T> {
  const { prototype } = (globalThis as unknown as { GPUDevice: { prototype: Record<string, unknown> } }).GPUDevice;
  const original = prototype.createShaderModule as (descriptor: { code: string }) => object;
  prototype.createShaderModule = function (descriptor: { code: string }) {
    return original.call(this, { ...descriptor, code: change(descriptor.code) });
  };
  try {
    return await work();
  } finally {
    prototype.createShaderModule = original;
  }
}

/**
 * Does some work on a device whose products' subgroups have a size of our choice: what threads tell each other goes through
 * workgroup memory.
 *
 * @param size of every subgroup
 * @param range what the device says of sizes
 */
export function withSubgroupsOf<T>(size: number, { least, most }: Sizes, work: () => Promise<T>): Promise<T> {
  const emulated = (code: string) => (/subgroup(Broadcast|Shuffle)/.test(code) ? emulate(code, size) : code);
  return withAdapterInfo({ subgroupMinSize: least, subgroupMaxSize: most }, () => withShaders(emulated, work));
}

function emulate(code: string, size: number): string {
  const held = [...code.matchAll(/let (held\d+) = (next\d+);/g)];
  const told = (name: string, part: string, from: string) => `${name}_told[thread - invocation + ${from}].${part}`;
  return code
    .replaceAll(/@builtin\(subgroup_\w+\) \w+: u32,/g, '')
    .replace(
      '@compute',
      `${held.map(([, name]) => `var<workgroup> ${name}_told: array<vec4f, 256>;`).join('\n')}\n@compute`,
    )
    .replace(
      /\) \{\n {2}let lane/,
      `) {\n  let subgroup = thread / ${size}u; let size = ${size}u; let invocation = thread % size;\n  let lane`,
    )
    .replace(held[0]![0], `workgroupBarrier();\n${held[0]![0]}`)
    .replaceAll(/let (held\d+) = (next\d+);/g, '$1_told[thread] = $2;')
    .replace(`${held.at(-1)![1]}_told[thread] = ${held.at(-1)![2]};`, '$&\nworkgroupBarrier();')
    .replaceAll(/subgroupBroadcast\((held\d+)\.(\w), (\d+u)\)/g, (_, ...found) => told(found[0], found[1], found[2]))
    .replaceAll(/subgroupShuffle\((held\d+)\.(\w), (first \+ \d+u)\)/g, (_, ...found) =>
      told(found[0], found[1], found[2]),
    );
}
