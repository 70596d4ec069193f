import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from 'node:os';
import { type Fallback, findAddon } from '@rnnx/backend-native';
import { version as tfjs } from '@tensorflow/tfjs';

/** One thing measured in every round. */
export interface Row {
  /** Model and sizes. */
  readonly where: string;
  readonly engine: string;
  readonly variant: string;
  readonly unit: string;
  readonly rounds: readonly number[];
}

/** What follows from rows, round by round, and what is wanted of it. */
export interface Finding {
  readonly what: string;
  /** `times`: a ratio. */
  readonly unit: 'times' | '%' | 'MB';
  readonly rounds: readonly number[];
  readonly wanted?: { readonly atLeast: number } | { readonly above: number } | { readonly atMost: number };
}

export interface Line {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
  readonly findings: readonly Finding[];
  /** What could not be measured here and why. */
  readonly notes: readonly string[];
  /** What the native backend did in JavaScript on large tensors meanwhile. */
  readonly fallbacks: readonly Fallback[];
}

export interface Report {
  readonly machine: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
  readonly lines: readonly Line[];
}

export const noPyTorch =
  'not found: no comparison with it (Debian: apt-get install python3-torch libopenblas0-pthread)';

/** @param threads of the native backend and of PyTorch's BLAS */
export function machine(threads: number, pytorch: string | undefined): Record<string, string> {
  const [core] = cpus();
  const found = findAddon();
  return {
    cpu: `${core?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores available`,
    'instruction set': 'addon' in found ? found.addon.isa() : `none: ${found.reason}`,
    threads: `${threads}`,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    'load at the start': loadavg()[0]!.toFixed(1),
    system: `${platform()} ${arch()}`,
    node: process.version,
    tfjs: tfjs['tfjs-core'],
    pytorch: pytorch ?? noPyTorch,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Round by round: what two rows measured in the same round. */
export function byRound(of: Row, to: Row, f: (of: number, to: number) => number): number[] {
  return of.rounds.map((value, round) => f(value, to.rounds[round]!));
}

export function ratio(of: Row, to: Row): number[] {
  return byRound(of, to, (value, reference) => value / reference);
}

/** `undefined` where nothing is wanted. */
export function met({ rounds, wanted }: Finding): boolean | undefined {
  if (wanted === undefined) return undefined;
  const value = median(rounds);
  if ('atLeast' in wanted) return value >= wanted.atLeast;
  return 'above' in wanted ? value > wanted.above : value <= wanted.atMost;
}

/** The report with medians and verdicts, for machines. */
export function json({ machine, settings, lines }: Report): object {
  return {
    machine,
    settings,
    lines: lines.map(({ rows, findings, ...line }) => ({
      ...line,
      rows: rows.map((row) => ({ ...row, median: median(row.rounds) })),
      findings: findings.map((finding) => ({
        ...finding,
        median: median(finding.rounds),
        met: met(finding) ?? null,
      })),
    })),
  };
}

export function markdown({ machine, settings, lines }: Report): string {
  const list = (entries: Readonly<Record<string, string>>) =>
    Object.entries(entries).map(([what, value]) => `- ${what}: ${value}`);
  return `${[...list(machine), ...list(settings), ...lines.flatMap(section)].join('\n')}\n`;
}

function section({ name, title, rows, findings, notes, fallbacks }: Line): string[] {
  const measured = rows.map(({ where, engine, variant, unit, rounds }) =>
    cells([where, engine, variant, `${digits(median(rounds))} ${unit}`, range(rounds)]),
  );
  const found = findings.map((finding) => {
    const { what, unit, rounds } = finding;
    const verdict = { true: 'yes', false: 'NO', undefined: '' }[`${met(finding)}`]!;
    return cells([what, `${digits(median(rounds))} ${unit}`, range(rounds), wish(finding), verdict]);
  });
  return [
    ...['', `## ${name}: ${title}`, ''],
    ...['| Where | Engine | Variant | Median | Range |', '| --- | --- | --- | ---: | ---: |', ...measured],
    ...(found.length === 0
      ? []
      : ['', '| Found | Median | Range | Wanted | Met |', '| --- | ---: | ---: | ---: | --- |', ...found]),
    '',
    ...notes,
    fallbacks.length === 0
      ? 'In JavaScript on large tensors: nothing.'
      : `In JavaScript on large tensors: ${fallbacks.map(({ kernel, calls }) => `${kernel} ${calls} times`).join(', ')}.`,
  ];
}

function wish({ unit, wanted }: Finding): string {
  if (wanted === undefined) return '';
  if ('atLeast' in wanted) return `at least ${wanted.atLeast} ${unit}`;
  return 'above' in wanted ? `more than ${wanted.above} ${unit}` : `at most ${wanted.atMost} ${unit}`;
}

function cells(texts: readonly string[]): string {
  return `| ${texts.join(' | ')} |`;
}

function range(values: readonly number[]): string {
  return `${digits(Math.min(...values))} to ${digits(Math.max(...values))}`;
}

/** Three digits, or all before the point. */
function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
