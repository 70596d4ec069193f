import { InvalidArgumentError, Option } from 'commander';

/** What `rnnx list` lists. */
export const listings = ['presets', 'plugins', 'datasets', 'backends'] as const;
export type Listing = (typeof listings)[number];

/** Kinds of plugins that `rnnx create-plugin` makes. */
export const templateKinds = ['regularizer', 'cell', 'noise', 'dataset'] as const;
export type TemplateKind = (typeof templateKinds)[number];

const splits = ['train', 'valid', 'test'] as const;

/** Options of every command that loads data. */
export interface DataOptions {
  readonly dataDir?: string;
  readonly offline?: boolean;
}

export const dataOptions = (): Option[] => [
  new Option('--data-dir <folder>', 'folder with local copies of data sets'),
  new Option('--offline', 'download nothing'),
];

/** The data options as a host takes them. */
export function hostOptions({ dataDir, offline = false }: DataOptions): { dataDir?: string; offline: boolean } {
  return { offline, ...(dataDir === undefined ? {} : { dataDir }) };
}

export const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value];

export const collectSeeds = (value: string, earlier: readonly number[]): number[] => [...earlier, wholeNumber(value)];

export function collectSplits(value: string, earlier: readonly string[]): string[] {
  if (!splits.some((split) => split === value))
    throw new InvalidArgumentError(`Allowed choices are ${splits.join(', ')}.`);
  return [...earlier, value];
}

export function wholeNumber(value: string): number {
  const parsed = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(parsed)) return parsed;
  throw new InvalidArgumentError('It takes a whole number from 0 up.');
}

export function countFromOne(value: string): number {
  const parsed = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(parsed) && parsed > 0) return parsed;
  throw new InvalidArgumentError('It takes a whole number from 1 up.');
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `10m`, `1.5h`, `2h30m`, `1d` in seconds. */
export function parseDuration(value: string): number {
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
  const seconds = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * secondsOf[unit!]!, 0);
  if (parts.map(([part]) => part).join('') === value && seconds > 0) return seconds;
  throw new InvalidArgumentError('It takes a time such as 90s, 10m, 2h or 1h30m.');
}

export function temperature(value: string): number {
  const parsed = Number(value);
  if (value.trim() !== '' && Number.isFinite(parsed) && parsed >= 0) return parsed;
  throw new InvalidArgumentError('It takes a number from 0 up.');
}
