/** A buffer that a kernel binds. */
export interface Binding {
  readonly name: string;
  readonly access: 'read' | 'read_write';
  /** Element type; default f32. */
  readonly type?: string;
}

/** A kernel: constants at binding 0, which a dynamic offset moves, then its storage buffers. */
export interface Program {
  /** Extensions of WGSL. */
  readonly enable?: readonly string[];
  readonly bindings: readonly Binding[];
  /** Fields of the constants, in order; WGSL types. */
  readonly constants: readonly (readonly [name: string, type: string])[];
  /** Declarations and the entry point `main`. */
  readonly body: string;
}

export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly program: Program;
}

/** Pipelines by their text: each is compiled once. */
export class Pipelines {
  readonly #kernels = new Map<string, Kernel>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(private readonly device: GPUDevice) {}

  /** @param key tells this program from every other */
  get(key: string, program: () => Program): Kernel {
    const known = this.#kernels.get(key);
    if (known !== undefined) return known;
    const made = this.#compile(key, program());
    this.#kernels.set(key, made);
    return made;
  }

  /** Buffers by their names. `constantsSize` is what the kernel sees of them from its dynamic offset on. */
  bind({ layout, program }: Kernel, constants: GPUBuffer, constantsSize: number, buffers: Buffers): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = [{ binding: 0, resource: { buffer: constants, size: constantsSize } }];
    for (const [i, { name }] of program.bindings.entries()) {
      const buffer = buffers[name];
      if (buffer === undefined) throw new Error(`no buffer for "${name}"`);
      entries.push({ binding: i + 1, resource: { buffer } });
    }
    return this.device.createBindGroup({ layout, entries });
  }

  #compile(key: string, program: Program): Kernel {
    const module = this.device.createShaderModule({ label: key, code: textOf(program) });
    const layout = this.#layout(program.bindings);
    const pipelineLayout = this.device.createPipelineLayout({ bindGroupLayouts: [layout] });
    const pipeline = this.device.createComputePipeline({
      label: key,
      layout: pipelineLayout,
      compute: { module, entryPoint: 'main' },
    });
    return { pipeline, layout, program };
  }

  #layout(bindings: readonly Binding[]): GPUBindGroupLayout {
    const key = bindings.map(({ access }) => access).join();
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      const constants = { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { hasDynamicOffset: true } };
      const storage = bindings.map(({ access }, i) => ({
        binding: i + 1,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: access === 'read' ? ('read-only-storage' as const) : ('storage' as const) },
      }));
      layout = this.device.createBindGroupLayout({ entries: [constants, ...storage] });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

export type Buffers = Readonly<Record<string, GPUBuffer | undefined>>;

function textOf({ enable = [], bindings, constants, body }: Program): string {
  return [
    ...enable.map((extension) => `enable ${extension};`),
    `struct Step {\n${constants.map(([name, type]) => `  ${name}: ${type},`).join('\n')}\n}`,
    '@group(0) @binding(0) var<uniform> at: Step;',
    ...bindings.map(
      ({ name, access, type = 'f32' }, i) =>
        `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${type}>;`,
    ),
    body,
  ].join('\n');
}
