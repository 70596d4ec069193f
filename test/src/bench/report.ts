import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { version as tfjs } from '@tensorflow/tfjs';

export interface Row {
  readonly engine: string;
  readonly size: string;
  readonly variant: string;
  /** Tokens a second, one number a round. */
  readonly rounds: readonly number[];
  readonly median: number;
  /** Median over the rounds of the ratio to `plain` of the same engine in the same round. */
  readonly toPlain: number;
  /** The same to PyTorch's row of this variant; `null` without PyTorch. */
  readonly toPyTorch: number | null;
}

export interface Report {
  readonly machine: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

export function machine(pytorch: string | undefined): Record<string, string> {
  const [core] = cpus();
  return {
    cpu: `${core?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores available`,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    system: `${platform()} ${arch()}`,
    node: process.version,
    tfjs: tfjs['tfjs-core'],
    pytorch: pytorch ?? 'not found',
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Rows from raw rounds: `engine -> variant -> tokens a second`, the rounds of all interleaved. */
export function summarize(size: string, raw: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>): Row[] {
  const ratio = (of: readonly number[], to: readonly number[]) => median(of.map((value, round) => value / to[round]!));
  const pytorch = raw.get('pytorch');
  return [...raw].flatMap(([engine, byVariant]) =>
    [...byVariant].map(([variant, rounds]) => ({
      engine,
      size,
      variant,
      rounds,
      median: median(rounds),
      toPlain: ratio(rounds, byVariant.get('plain')!),
      toPyTorch: pytorch === undefined ? null : ratio(rounds, pytorch.get(variant)!),
    })),
  );
}

export function markdown({ machine, rows }: Report): string {
  const speed = (value: number) => (value < 100 ? value.toFixed(1) : value.toFixed(0));
  const lines = [
    ...Object.entries(machine).map(([what, value]) => `- ${what}: ${value}`),
    '',
    'Tokens a second of whole training steps (forward, backward, clip, update), median and range over interleaved rounds.',
    '',
    '| Size | Engine | Variant | Tokens/s | Range | To plain | To PyTorch |',
    '| --- | --- | --- | ---: | ---: | ---: | ---: |',
    ...rows.map(({ size, engine, variant, rounds, median, toPlain, toPyTorch }) => {
      const range = `${speed(Math.min(...rounds))} to ${speed(Math.max(...rounds))}`;
      const compared = toPyTorch === null ? '' : toPyTorch.toFixed(3);
      return `| ${size} | ${engine} | ${variant} | ${speed(median)} | ${range} | ${toPlain.toFixed(2)} | ${compared} |`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}
