import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Which GPU is wanted. */
export interface AdapterChoice {
  /** Part of its name, or its place in the list of adapters; `null` leaves it to the driver. */
  readonly adapter: string | number | null;
  readonly powerPreference: 'high-performance' | 'low-power';
}

export interface FoundAdapter {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  /** Name and driver, as people know them. */
  readonly detail: string;
  /** The processor plays the GPU, or nothing is computed at all. */
  readonly emulated: boolean;
  /** Those of the features asked for that it lacks. */
  readonly missing: readonly GPUFeatureName[];
}

export interface NoAdapter {
  readonly reason: string;
  readonly remedy: string;
}

/** Mesa's software Vulkan computes wrongly in older versions, or lacks what Dawn asks for. */
const oldestSoftwareMesa = 25;
const otherBackend = 'take another backend';
const driverRemedy =
  'install the vendor’s driver with Vulkan (Metal and D3D12 come with their systems), or take another backend';

/**
 * Finds the GPU that is wanted, through Dawn. Starts Dawn, but no device.
 *
 * @param features looked for, the GPU being taken with them or without
 */
export async function findAdapter(
  choice: AdapterChoice,
  features: readonly GPUFeatureName[] = [],
): Promise<FoundAdapter | NoAdapter> {
  const flags = features.includes('shader-f16') ? withToggle(extraFlags(), f16OnNvidia) : extraFlags();
  if (!flags.some((flag) => flag.startsWith('backend=')) && !driverInstalled())
    return { reason: 'no Vulkan driver is installed', remedy: driverRemedy };
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (error) {
    return {
      reason: `the package webgpu does not load: ${firstLine(error)}`,
      remedy: `npm install webgpu, on a system that it has a binary for (here: ${process.platform} ${process.arch})`,
    };
  }
  Object.assign(globalThis, dawn.globals);
  const named = await nameFlag(dawn, flags, choice.adapter);
  if ('reason' in named) return named;
  const gpu = instance(dawn, [...flags, ...named.flags]);
  const wanted: GPURequestAdapterOptions = { powerPreference: choice.powerPreference };
  const adapter = await gpu.requestAdapter(wanted);
  if (adapter === null) {
    const reduced = await gpu.requestAdapter({ ...wanted, featureLevel: 'compatibility' });
    if (reduced === null) return { reason: 'no driver offers a GPU', remedy: driverRemedy };
    return {
      reason: `the driver of ${describe(reduced.info)} is too old: it offers only the compatibility subset`,
      remedy: 'update the driver, or take another backend',
    };
  }
  const { info } = adapter;
  const mesa = Number(/llvmpipe.*?Mesa (\d+)\./.exec(info.description)?.[1] ?? Number.POSITIVE_INFINITY);
  if (mesa < oldestSoftwareMesa)
    return {
      reason: `${describe(info)} is too old: it needs Mesa ${oldestSoftwareMesa}`,
      remedy: `update Mesa (Debian: from backports), or ${otherBackend}`,
    };
  const missing = features.filter((feature) => !adapter.features.has(feature));
  return { gpu, adapter, detail: describe(info), emulated: info.isFallbackAdapter || isNull(info), missing };
}

/** Dawn's toggle without which NVIDIA's drivers are not asked for shader-f16. */
const f16OnNvidia = 'vulkan_enable_f16_on_nvidia';
const toggleFlag = 'enable-dawn-features=';

/** Dawn takes the flag once. */
function withToggle(flags: readonly string[], toggle: string): string[] {
  const given = flags.find((flag) => flag.startsWith(toggleFlag));
  if (given === undefined) return [...flags, `${toggleFlag}${toggle}`];
  return flags.map((flag) => (flag === given ? `${flag},${toggle}` : flag));
}

const instances = new Map<string, GPU>();

/** One of each kind in a process: it knows the drivers, and each new one looks for them anew. */
function instance(dawn: typeof import('webgpu'), flags: readonly string[]): GPU {
  const key = JSON.stringify([flags, process.env.VK_DRIVER_FILES]);
  const gpu = instances.get(key) ?? dawn.create([...flags]);
  instances.set(key, gpu);
  return gpu;
}

/** Dawn's null backend takes every command and computes nothing: for measuring what the host needs. */
export function isNull(info: GPUAdapterInfo): boolean {
  return info.device === 'null-backend';
}

/** Whether there may be a GPU: a look at device files, that starts nothing. */
export function gpuMayExist(): boolean {
  if (extraFlags().length > 0 || process.platform !== 'linux') return true;
  if (existsSync('/dev/nvidia0') || existsSync('/dev/dxg')) return driverInstalled();
  try {
    return readdirSync('/dev/dri').some((name) => name.startsWith('renderD')) && driverInstalled();
  } catch {
    return false;
  }
}

/** Flags of Dawn from RNNX_WEBGPU_FLAGS, such as `backend=null`. */
export function extraFlags(): string[] {
  return (process.env.RNNX_WEBGPU_FLAGS ?? '').split(',').filter((flag) => flag !== '');
}

/** Where the Vulkan loader looks. Asked first, because Dawn writes warnings to standard error where there is none. */
function driverInstalled(): boolean {
  if (process.platform !== 'linux') return true;
  const { env } = process;
  const named = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  if (named) return named.split(':').some((file) => existsSync(file));
  if (env.VK_ADD_DRIVER_FILES) return true;
  const home = env.HOME ?? '/';
  const folders = [
    env.XDG_CONFIG_HOME ?? join(home, '.config'),
    ...(env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':'),
    '/etc',
    '/usr/local/etc',
    env.XDG_DATA_HOME ?? join(home, '.local/share'),
    ...(env.XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(':'),
  ];
  return folders.some((folder) => {
    try {
      return readdirSync(join(folder, 'vulkan/icd.d')).some((file) => file.endsWith('.json'));
    } catch {
      return false;
    }
  });
}

/** Dawn chooses by a part of the name, and tells the names when none fits. */
async function nameFlag(
  dawn: typeof import('webgpu'),
  flags: readonly string[],
  wanted: string | number | null,
): Promise<{ readonly flags: readonly string[] } | NoAdapter> {
  if (wanted === null) return { flags: [] };
  const names = await adapterNames(dawn, flags);
  const remedy = `adapters here: ${names.length === 0 ? 'there is none' : listed(names)}`;
  if (typeof wanted === 'string') {
    const name = names.find((name) => name.toLowerCase().includes(wanted.toLowerCase()));
    if (name === undefined) return { reason: `no adapter has "${wanted}" in its name`, remedy };
    return { flags: [`adapter=${name}`] };
  }
  const name = names[wanted];
  if (name === undefined) return { reason: `there is no adapter ${wanted}`, remedy };
  // Dawn takes the first whose name contains the one given.
  if (names.findIndex((other) => other.includes(name)) !== wanted)
    return {
      reason: `adapter ${wanted} cannot be told from another of its name`,
      remedy: `${remedy}; Dawn takes the first: hide it from the process to have the other`,
    };
  return { flags: [`adapter=${name}`] };
}

function listed(names: readonly string[]): string {
  return names.map((name, i) => `${i}: ${name}`).join(', ');
}

/** All adapters with their places, where there may be more than one; otherwise ''. */
export async function listAdapters(): Promise<string> {
  if (!severalMayExist()) return '';
  const names = await adapterNames(await import('webgpu'), extraFlags());
  return names.length > 1 ? listed(names) : '';
}

/** A look at device files: to ask Dawn takes longer. */
function severalMayExist(): boolean {
  if (process.platform !== 'linux') return true;
  if ((process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? '').includes(':')) return true;
  const count = (folder: string, pattern: RegExp) =>
    existsSync(folder) ? readdirSync(folder).filter((name) => pattern.test(name)).length : 0;
  return count('/dev', /^nvidia\d+$/) > 1 || count('/dev/dri', /^renderD/) > 1;
}

async function adapterNames(dawn: typeof import('webgpu'), flags: readonly string[]): Promise<string[]> {
  try {
    // A name that no adapter has.
    await instance(dawn, [...flags, 'adapter=\u0001']).requestAdapter();
    return [];
  } catch (error) {
    return [...String((error as Error).message).matchAll(/name: '(.*)'/g)].map(([, name]) => name!);
  }
}

function describe({ vendor, description, device }: GPUAdapterInfo): string {
  if (device === 'null-backend') return 'Dawn’s null backend, which computes nothing';
  return [device, description].filter((part) => part !== '').join(', ') || vendor || 'an unnamed GPU';
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
