import { type Dataset, RnnxError, type SplitName, type TokenSplit } from '@rnnx/core';
import {
  createVocabulary,
  eachSymbol,
  endOfSentence,
  languageTask,
  type Metric,
  refuse,
  type Tokenization,
  unknownToken,
} from './vocabulary.js';

export const splitNames: readonly SplitName[] = ['train', 'valid', 'test'];

/** One split as text, and where it came from for messages. */
export interface SplitText {
  readonly text: string;
  readonly from: string;
}

export interface CorpusOptions extends Tokenization {
  readonly name: string;
  readonly metric: Metric;
  /** Largest vocabulary, `<eos>` and `<unk>` included; the rarest symbols become `<unk>`. */
  readonly vocabularySize: number | null;
  /** What to do with a symbol of valid or test that train never shows. */
  readonly unknown: 'error' | 'map';
  /** What to do about such a symbol, for the message. */
  readonly unknownRemedy: string;
  readonly notes: readonly string[];
}

/**
 * Three texts as a language-modelling data set. The vocabulary is that of train, most frequent symbol first, symbols of
 * one frequency in the order of their first appearance.
 *
 * Errors: RNNX_DATA_EMPTY for a split without symbols, RNNX_TOKEN_UNKNOWN.
 */
export function createCorpus(texts: Readonly<Record<SplitName, SplitText>>, options: CorpusOptions): Dataset {
  const counted = countSymbols(texts.train.text, options);
  const symbols = chooseSymbols(counted, options);
  const vocabulary = createVocabulary(symbols);
  const unk = vocabulary.indexOf(unknownToken);
  const capped = symbols.length < counted.symbols.length;

  const seen = new Set(counted.symbols);
  const encode = (split: SplitName): TokenSplit => {
    const tokens = new TokenList();
    let content = 0;
    eachSymbol(texts[split].text, options, (symbol, line, place) => {
      if (symbol !== endOfSentence) content++;
      let index = vocabulary.indexOf(symbol);
      if (index === undefined && (options.unknown === 'map' || (capped && seen.has(symbol)))) index = unk;
      tokens.push(index ?? refuse(symbol, `${texts[split].from}, line ${line}`, place, options.unknownRemedy));
    });
    if (content === 0) throw emptySplit(split, texts[split].from);
    return Object.freeze({ kind: 'tokens' as const, tokens: tokens.toArray() });
  };
  const splits = { train: encode('train'), valid: encode('valid'), test: encode('test') };

  return Object.freeze({
    name: options.name,
    task: languageTask(vocabulary, options, options.metric, options.unknown === 'map' || capped ? unk : undefined),
    splits: Object.freeze(splits),
    notes: Object.freeze([...options.notes]),
  });
}

function emptySplit(split: SplitName, from: string): RnnxError {
  return new RnnxError('RNNX_DATA_EMPTY', `The ${split} split is empty`, {
    got: `no token in ${from}`,
    expected: 'at least one token',
    remedy: 'use a file that has text, or a larger fraction where one file is split',
  });
}

interface Counted {
  /** In the order of first appearance. */
  readonly symbols: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
}

function countSymbols(text: string, how: Tokenization): Counted {
  const counts = new Map<string, number>();
  eachSymbol(text, how, (symbol) => counts.set(symbol, (counts.get(symbol) ?? 0) + 1));
  return { symbols: [...counts.keys()], counts };
}

function chooseSymbols({ symbols, counts }: Counted, options: CorpusOptions): string[] {
  const limit = options.vocabularySize ?? Number.POSITIVE_INFINITY;
  const count = (symbol: string) => counts.get(symbol) ?? 0;
  const pool = [...symbols];
  if ((options.unknown === 'map' || pool.length > limit) && !counts.has(unknownToken)) pool.push(unknownToken);
  const reserved = new Set([unknownToken, ...(options.eos ? [endOfSentence] : [])]);

  pool.sort((a, b) => count(b) - count(a)); // stable: ties stay in the order of appearance
  const others = pool.filter((symbol) => !reserved.has(symbol));
  const keep = new Set(others.slice(0, Math.max(0, limit - (pool.length - others.length))));
  const kept = (symbol: string) => reserved.has(symbol) || keep.has(symbol);
  const chosen = pool.filter(kept);
  if (chosen.length === pool.length) return chosen;
  // What was dropped now counts as <unk>.
  const dropped = pool.reduce((sum, symbol) => sum + (kept(symbol) ? 0 : count(symbol)), 0);
  const total = (symbol: string) => count(symbol) + (symbol === unknownToken ? dropped : 0);
  return chosen.sort((a, b) => total(b) - total(a));
}

/** A growing Int32Array. */
class TokenList {
  #tokens = new Int32Array(1024);
  #length = 0;

  push(token: number): void {
    if (this.#length === this.#tokens.length) {
      const larger = new Int32Array(2 * this.#length);
      larger.set(this.#tokens);
      this.#tokens = larger;
    }
    this.#tokens[this.#length++] = token;
  }

  toArray(): Int32Array {
    return this.#tokens.slice(0, this.#length);
  }
}
