import {
  createRng,
  type Dataset,
  type DatasetProvider,
  definePlugin,
  type LoadContext,
  type SplitName,
  type TokenSplit,
} from '@rnnx/core';
import type { UnifilarSource } from './automaton.js';
import { splitNames } from './corpus.js';
import { type EnglishOptions, englishSource } from './english.js';
import { createVocabulary, languageTask } from './vocabulary.js';

export interface GrammarOptions extends EnglishOptions {
  readonly seed: number;
  readonly trainTokens: number;
  readonly validTokens: number;
  readonly testTokens: number;
}

const tokens = (split: string, fallback: number) => ({
  description: `tokens of the ${split} split`,
  type: 'integer',
  minimum: 1,
  maximum: 10_000_000,
  default: fallback,
});

/**
 * A synthetic language that comes with the package: sentences of an English-like grammar whose entropy rate is known
 * exactly, so that a model's perplexity stands beside the best one possible. See `englishSource` for the grammar and
 * `UnifilarSource` for the closed form. The default training split is small, so that a model without regularization
 * soon overfits it.
 *
 * `floor` is exp of the entropy rate, the expectation over all texts. A finite split departs from it by chance; its
 * description gives the perplexity that the true source itself has on each split.
 *
 * The same seed gives the same splits; each has a random stream of its own, so a longer one begins like a shorter.
 *
 * Errors: none beyond those of the schema.
 */
export const grammar = definePlugin<'dataset', GrammarOptions>({
  kind: 'dataset',
  name: 'grammar',
  summary: 'Sentences of an English-like grammar with known entropy rate; needs no files',
  core: '^0.1.0',
  paper: null,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      seed: {
        description: 'seed of the sentences; independent of the seeds of the runs',
        type: 'integer',
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 1,
      },
      trainTokens: tokens('training', 8_000),
      validTokens: tokens('validation', 4_000),
      testTokens: tokens('test', 4_000),
      depth: {
        description: 'subjects that wait for their verbs while a relative clause is said, at most; 0: no clauses',
        type: 'integer',
        minimum: 0,
        maximum: 3,
        default: 2,
      },
      clauseRate: {
        description: 'probability that a noun has a relative clause, while the depth allows it',
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 0.5,
        default: 0.25,
      },
    },
  },
  create: (options) => new GrammarProvider(options),
});

class GrammarProvider implements DatasetProvider {
  readonly #options: GrammarOptions;

  constructor(options: GrammarOptions) {
    this.#options = options;
  }

  async load(context: LoadContext): Promise<Dataset> {
    context.signal?.throwIfAborted();
    const { seed, depth, clauseRate, trainTokens, validTokens, testTokens } = this.#options;
    const source = englishSource({ depth, clauseRate });
    const root = createRng(seed).stream('dataset/grammar');
    const sample = (split: SplitName, count: number): TokenSplit =>
      Object.freeze({ kind: 'tokens' as const, tokens: source.sample(root.stream(split), count) });
    const splits = {
      train: sample('train', trainTokens),
      valid: sample('valid', validTokens),
      test: sample('test', testTokens),
    };
    const how = { unit: 'word', eos: true, lowercase: false } as const;
    return Object.freeze({
      name: 'grammar',
      task: languageTask(createVocabulary(source.symbols), how, 'perplexity', undefined),
      splits: Object.freeze(splits),
      floor: Object.freeze({ value: Math.exp(source.entropyRate), description: describeFloor(source, splits) }),
      notes: Object.freeze([
        `source: rnnx's grammar, seed ${seed}, depth ${depth}, clause rate ${clauseRate}; ${source.states.length} states`,
        "licence: MIT, as rnnx; the sentences are made by rnnx's own grammar",
      ]),
    });
  }
}

function describeFloor(source: UnifilarSource, splits: Readonly<Record<SplitName, TokenSplit>>): string {
  const own = splitNames.map((split) => `${split} ${truePerplexity(source, splits[split].tokens).toFixed(3)}`);
  return (
    `exp of the exact entropy rate ${source.entropyRate.toFixed(6)} nats per token, which no model can beat on average; ` +
    `the true source itself has ${own.join(', ')}`
  );
}

/** Perplexity of a stream under the source that made it: exp of the mean of -log p. */
export function truePerplexity(source: UnifilarSource, stream: Int32Array): number {
  return Math.exp(source.surprisals(stream).reduce((sum, nats) => sum + nats, 0) / stream.length);
}
