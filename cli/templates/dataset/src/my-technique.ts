import {
  createRng,
  type DatasetProvider,
  definePlugin,
  type LanguageTask,
  RnnxError,
  type SplitName,
  type TokenSplit,
} from '@rnnx/core';

export interface Options {
  readonly seed: number;
  readonly longest: number;
  readonly trainStrings: number;
  readonly validStrings: number;
  readonly testStrings: number;
}

const symbols: readonly string[] = ['.', 'a', 'b'];

/** Tokens are characters: "aabb." is 1 1 2 2 0. A string ends, and a text begins after, the token 0. */
const task: LanguageTask = {
  kind: 'language-model',
  unit: 'character',
  vocabulary: { symbols, indexOf },
  start: 0,
  metric: 'bits-per-character',
  detokenize: (tokens) => tokens.map((token) => symbols[token]).join(''),
  tokenize: (text) => Int32Array.from(text, (symbol) => indexOf(symbol) ?? unknown(symbol)),
};

const count = (split: string, fallback: number) => ({
  type: 'integer',
  minimum: 1,
  maximum: 1_000_000,
  default: fallback,
  description: `strings of the ${split} split`,
});

/**
 * Strings aⁿbⁿ: as many b as a, with n uniform from 1 to N. Made from a seed; needs no files. To know where the b end, a
 * model must count the a.
 *
 * Nothing but n is random, so the entropy rate is exact: log₂ N bits a string of 2n + 1 characters, (log₂ N) / (N + 2) bits
 * per character on average. No model can do better: `floor`.
 *
 * Each split has a random stream of its own; a longer one begins like a shorter.
 *
 * Errors: RNNX_CONFIG_INVALID for options out of range, RNNX_TOKEN_UNKNOWN for a prompt with other characters.
 *
 * Source: Gers and Schmidhuber 2001.
 */
export default definePlugin<'dataset', Options>({
  kind: 'dataset',
  name: 'my-technique',
  summary: 'Strings of n times a and n times b, from a seed; the best possible score is known',
  core: '^0.1.0',
  paper: {
    title: 'LSTM Recurrent Networks Learn Simple Context-Free and Context-Sensitive Languages',
    authors: 'Gers, Schmidhuber',
    year: 2001,
    url: 'https://doi.org/10.1109/72.963769',
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      seed: {
        type: 'integer',
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 1,
        description: 'seed of the strings; independent of the seeds of the runs',
      },
      longest: { type: 'integer', minimum: 1, maximum: 1000, default: 8, description: 'N, the largest n' },
      trainStrings: count('training', 1000),
      validStrings: count('validation', 200),
      testStrings: count('test', 200),
    },
  },
  create: ({ seed, longest, trainStrings, validStrings, testStrings }): DatasetProvider => ({
    async load({ signal }) {
      signal?.throwIfAborted();
      const root = createRng(seed).stream('my-technique');
      const split = (name: SplitName, strings: number): TokenSplit => {
        const lengths = Array.from(root.stream(name).uniforms(strings), (u) => 1 + Math.floor(u * longest));
        return {
          kind: 'tokens',
          tokens: Int32Array.from(lengths.flatMap((n) => [...Array(n).fill(1), ...Array(n).fill(2), 0])),
        };
      };
      return {
        name: 'my-technique',
        task,
        splits: {
          train: split('train', trainStrings),
          valid: split('valid', validStrings),
          test: split('test', testStrings),
        },
        floor: {
          value: Math.log2(longest) / (longest + 2),
          description: 'exact entropy rate of the source in bits per character',
        },
        notes: [`strings of n times a and n times b, n from 1 to ${longest}, made from seed ${seed}`],
      };
    },
  }),
});

function indexOf(symbol: string): number | undefined {
  const index = symbols.indexOf(symbol);
  return index < 0 ? undefined : index;
}

function unknown(symbol: string): never {
  throw new RnnxError('RNNX_TOKEN_UNKNOWN', 'The text has a character that the strings do not have', {
    got: JSON.stringify(symbol),
    expected: 'a, b and the full stop',
    remedy: 'leave it out',
  });
}
