import { createRng } from '@rnnx/core';
import type { Device } from '../device.js';
import type { Kernel, Pipelines } from '../pipelines.js';
import { productProgram, productTile } from '../wgsl/matmul.js';
import { subgroupProductProgram } from '../wgsl/subgroup-matmul.js';

/** What a large product is computed by. The first two give the same bits. */
export type ProductKind = 'tiles' | 'subgroups' | 'f16' | 'f16-sums';

/** Which operands are transposed, left then right. */
export const productLayouts = ['NN', 'NT', 'TN', 'TT'] as const;
export type ProductLayout = (typeof productLayouts)[number];
export type ProductChoice = Readonly<Record<ProductLayout, ProductKind>>;

/** A kernel of C = A B; its constants are rows, columns and inner dimension, and it has one workgroup a tile. */
export function productKernel(
  pipelines: Pipelines,
  kind: ProductKind,
  layout: ProductLayout,
  { subgroupMinSize: least = 4, subgroupMaxSize: most = 128 }: GPUAdapterInfo,
): Kernel {
  const [transposeA, transposeB] = [layout[0] === 'T', layout[1] === 'T'];
  return pipelines.get(`product ${layout}${kind === 'tiles' ? '' : ` ${kind}`}`, () =>
    kind === 'subgroups'
      ? subgroupProductProgram(transposeA, transposeB, { least, most })
      : productProgram(transposeA, transposeB, kind === 'tiles' ? 'f32' : kind),
  );
}

export function everywhere(kind: ProductKind): ProductChoice {
  return { NN: kind, NT: kind, TN: kind, TT: kind };
}

/** Of the products whose bits are compared: no side fills a tile. */
const compared = { rows: 300, columns: 270, inner: 75 };
/** Of those that are timed. */
const timed = { rows: 1024, columns: 1024, inner: 512 };
/** Milliseconds that are long enough to tell two kernels apart. */
const longEnough = 3;
const mostRepeats = 256;
const rounds = 4;
/** Milliseconds after which no further round is begun. */
const enough = 150;
/** Share of the tiles' time within which subgroups have to stay to be taken: clocks waver. */
const clearlyLess = 0.95;

/**
 * For each layout the quicker of tiles and subgroups, as this device has it; subgroups only where both give the same bits here,
 * so that results do not depend on what else kept the device busy. Without subgroups it is tiles.
 *
 * Errors: RNNX_DEVICE_LOST, RNNX_OUT_OF_MEMORY.
 */
export async function quickerProducts(device: Device, pipelines: Pipelines): Promise<ProductChoice> {
  if (!device.gpu.features.has('subgroups')) return everywhere('tiles');
  const trial = new Trial(device, pipelines);
  try {
    const choice: Record<ProductLayout, ProductKind> = { ...everywhere('tiles') };
    for (const layout of productLayouts)
      if ((await trial.sameBits(layout)) && (await trial.subgroupsQuicker(layout))) choice[layout] = 'subgroups';
    return choice;
  } catch (error) {
    throw device.explain(error);
  } finally {
    trial.destroy();
  }
}

interface Sizes {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** Buffers of its own, outside tfjs's. */
class Trial {
  readonly #gpu: GPUDevice;
  readonly #buffers: Readonly<Record<'a' | 'b' | 'c' | 'read', GPUBuffer>>;

  constructor(
    private readonly device: Device,
    private readonly pipelines: Pipelines,
  ) {
    const { gpu } = device;
    this.#gpu = gpu;
    const make = (numbers: number, usage: number) => gpu.createBuffer({ size: 4 * numbers, usage });
    const [storage, to, from] = [GPUBufferUsage.STORAGE, GPUBufferUsage.COPY_DST, GPUBufferUsage.COPY_SRC];
    this.#buffers = {
      a: make(timed.rows * timed.inner, storage | to),
      b: make(timed.inner * timed.columns, storage | to),
      c: make(timed.rows * timed.columns, storage | from),
      read: make(compared.rows * compared.columns, GPUBufferUsage.MAP_READ | to),
    };
  }

  destroy(): void {
    for (const buffer of Object.values(this.#buffers)) buffer.destroy();
  }

  /** Whether both kernels compile and give the same bits. */
  async sameBits(layout: ProductLayout): Promise<boolean> {
    const { rows, columns, inner } = compared;
    for (const [name, size] of [
      ['a', rows * inner],
      ['b', inner * columns],
    ] as const)
      this.#gpu.queue.writeBuffer(this.#buffers[name], 0, createRng(size).stream(name).normals(size));
    const tiles = await this.#product('tiles', layout);
    const subgroups = await this.#product('subgroups', layout);
    return tiles !== undefined && (subgroups?.every((bits, i) => bits === tiles[i]) ?? false);
  }

  async subgroupsQuicker(layout: ProductLayout): Promise<boolean> {
    let repeats = 1;
    while (repeats < mostRepeats && (await this.#time('tiles', layout, repeats)) < longEnough) repeats *= 2;
    let [tiles, subgroups] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    const start = performance.now();
    for (let round = 0; round === 0 || (round < rounds && performance.now() - start < enough); round++) {
      tiles = Math.min(tiles, await this.#time('tiles', layout, repeats));
      subgroups = Math.min(subgroups, await this.#time('subgroups', layout, repeats));
    }
    return subgroups < clearlyLess * tiles;
  }

  /** Bits of the product; `undefined` where the device refuses the kernel. */
  async #product(kind: ProductKind, layout: ProductLayout): Promise<Uint32Array | undefined> {
    const { read } = this.#buffers;
    this.#gpu.pushErrorScope('internal');
    this.#gpu.pushErrorScope('validation');
    this.#run(kind, layout, compared, 1, (encoder) =>
      encoder.copyBufferToBuffer(this.#buffers.c, 0, read, 0, read.size),
    );
    const errors = [await this.#gpu.popErrorScope(), await this.#gpu.popErrorScope()];
    if (errors.some((error) => error !== null)) return undefined;
    await read.mapAsync(GPUMapMode.READ);
    const bits = new Uint32Array(read.getMappedRange().slice(0));
    read.unmap();
    return bits;
  }

  /** Milliseconds. */
  async #time(kind: ProductKind, layout: ProductLayout, repeats: number): Promise<number> {
    await this.#gpu.queue.onSubmittedWorkDone();
    const start = performance.now();
    this.#run(kind, layout, timed, repeats);
    await this.#gpu.queue.onSubmittedWorkDone();
    return performance.now() - start;
  }

  #run(
    kind: ProductKind,
    layout: ProductLayout,
    { rows, columns, inner }: Sizes,
    repeats: number,
    after: (encoder: GPUCommandEncoder) => void = () => undefined,
  ): void {
    const kernel = productKernel(this.pipelines, kind, layout, this.device.info);
    const constants = this.#gpu.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    this.#gpu.queue.writeBuffer(constants, 0, Uint32Array.of(rows, columns, inner));
    const encoder = this.#gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, this.pipelines.bind(kernel, constants, 16, this.#buffers), [0]);
    for (let i = 0; i < repeats; i++)
      pass.dispatchWorkgroups(Math.ceil(columns / productTile), Math.ceil(rows / productTile));
    pass.end();
    after(encoder);
    this.#gpu.queue.submit([encoder.finish()]);
    constants.destroy();
  }
}
