import { parseArgs } from 'node:util';
import { type LineName, programs } from './lines/index.js';
import { full, type Scale, tiny } from './scale.js';

export const usage = `npm run bench -- [--lines ${Object.keys(programs).join(',')}] [--sizes 200,650,1500]
  [--rounds N] [--seconds S] [--total S] [--backends native,webgpu] [--json FILE] [--markdown FILE] [--tiny]
  --lines     what is measured; default: all
  --sizes     hidden sizes of the language models; default: all
  --rounds    fewest interleaved rounds, of which medians are taken; default 5
  --seconds   shortest time of one measurement in a round; at least one step is taken; default 0.5
  --total     seconds for each contestant: further rounds begin until they are over; default 8
  --backends  the first is measured in every line, all of them in "steps"; default native
  --tiny      models of a few units, to see that everything runs; the figures mean nothing
Environment: RNNX_THREADS, threads of the native backend and of PyTorch's BLAS; default: all cores`;

export interface BenchOptions {
  readonly lines: readonly LineName[];
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly total: number;
  readonly backends: readonly string[];
  readonly scale: Scale;
  readonly json: string | undefined;
  readonly markdown: string | undefined;
}

/** @returns `undefined` where help is asked for. Errors: a plain Error that says what is wrong. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      lines: { type: 'string', default: Object.keys(programs).join(',') },
      sizes: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '0.5' },
      total: { type: 'string', default: '8' },
      backends: { type: 'string', default: 'native' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      tiny: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const scale = values.tiny ? tiny : full;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds}: expected 1 or more`);
  return {
    lines: some('--lines', values.lines.split(','), Object.keys(programs)) as LineName[],
    sizes: some('--sizes', values.sizes?.split(',') ?? scale.sizes.map(String), Object.keys(scale.language)).map(
      Number,
    ),
    rounds,
    seconds: duration('--seconds', values.seconds),
    total: duration('--total', values.total),
    backends: values.backends.split(','),
    scale,
    json: values.json,
    markdown: values.markdown,
  };
}

function duration(option: string, value: string): number {
  const seconds = Number(value);
  if (!(seconds >= 0 && seconds < Number.POSITIVE_INFINITY))
    throw new Error(`${option} ${value}: expected seconds, 0 or more`);
  return seconds;
}

/** Those of the known names that are wanted, in the order of the known. */
function some(option: string, wanted: readonly string[], known: readonly string[]): string[] {
  const odd = wanted.find((name) => !known.includes(name));
  if (odd !== undefined) throw new Error(`${option} ${odd}: expected some of ${known.join(', ')}`);
  return known.filter((name) => wanted.includes(name));
}
