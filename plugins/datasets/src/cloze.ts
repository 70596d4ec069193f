import {
  type ClozeExample,
  type ClozeSplit,
  type ClozeTask,
  createRng,
  type Dataset,
  RnnxError,
  relabelEntities,
  type SplitName,
} from '@rnnx/core';
import { splitNames } from './corpus.js';
import { entityNumber, placeholder } from './question-file.js';
import { createVocabulary, unknownToken } from './vocabulary.js';

export interface ClozeOptions {
  readonly answers: 'entities' | 'vocabulary';
  readonly shuffleEntities: 'none' | 'load' | 'epoch';
  readonly withReplacement: boolean;
  readonly vocabularySize: number | null;
  readonly minCount: number;
  readonly seed: number;
}

/** The options that every data set of cloze questions has. */
export const clozeSchema = {
  shuffleEntities: {
    description:
      'markers drawn at random for the entities of each text: load: once; epoch: training texts anew in every epoch',
    enum: ['none', 'load', 'epoch'],
    default: 'epoch',
  },
  withReplacement: {
    description: 'training draws its examples with replacement; an epoch is as many draws as there are examples',
    type: 'boolean',
    default: false,
  },
  answers: {
    description: 'what an answer can be, one output each: every entity marker, or every token of the vocabulary',
    enum: ['entities', 'vocabulary'],
    default: 'entities',
  },
} as const;

/** A question as symbols. */
export interface ClozeText {
  readonly passage: readonly string[];
  readonly question: readonly string[];
  readonly answer: string;
}

/** Shares of a split that say what a model can and what a naive one does reach. */
export interface ClozeShares {
  /** Questions whose answer is in the passage: none can answer the others by reading. */
  readonly answerable: number;
  /** Accuracy of the answer that training has most. */
  readonly majority: number;
  /** Accuracy of the first entity of the passage. */
  readonly first: number;
  /** Expected accuracy of an entity of the passage at random. */
  readonly random: number;
}

/**
 * Collects questions as numbers while they are read, so that a corpus of some hundred thousand texts need not be held as
 * text, and makes a data set of them.
 */
export class ClozeBuilder {
  /** Provisional number of each symbol, in the order of first appearance. */
  readonly #numbers = new Map<string, number>();
  /** Occurrences in the training split by provisional number. */
  readonly #counts: number[] = [];
  readonly #examples: Record<SplitName, ClozeExample[]> = { train: [], valid: [], test: [] };

  add(split: SplitName, { passage, question, answer }: ClozeText): void {
    const number = (symbol: string): number => {
      const known = this.#numbers.get(symbol);
      if (known !== undefined) {
        if (split === 'train') this.#counts[known]!++;
        return known;
      }
      this.#numbers.set(symbol, this.#counts.length);
      return this.#counts.push(split === 'train' ? 1 : 0) - 1;
    };
    this.#examples[split].push({
      passage: Int32Array.from(passage, number),
      question: Int32Array.from(question, number),
      answer: number(answer),
    });
  }

  /**
   * The vocabulary: `<unk>`, the placeholder, the markers from 0 to the largest of any split, then the words of train by
   * falling frequency, words of one frequency in the order of their first appearance.
   *
   * Errors: RNNX_OPTION_CONFLICT where `vocabularySize` leaves no room for a word.
   */
  build(name: string, options: ClozeOptions): Omit<Dataset, 'notes' | 'floor'> & { readonly task: ClozeTask } {
    let markers = 1;
    for (const symbol of this.#numbers.keys()) markers = Math.max(markers, 1 + (entityNumber(symbol) ?? 0));
    const special = [unknownToken, placeholder];
    for (let entity = 0; entity < markers; entity++) special.push(`@entity${entity}`);
    const symbols = special.concat(this.#words(options, special.length));
    const vocabulary = createVocabulary(symbols);
    const entities = Array.from({ length: markers }, (_, entity) => 2 + entity);
    const task: ClozeTask = Object.freeze({
      kind: 'cloze',
      vocabulary,
      entities: Object.freeze(entities),
      answers: Object.freeze(options.answers === 'entities' ? entities : symbols.map((_, index) => index)),
      metric: 'error-rate',
    });
    const final = Int32Array.from(this.#numbers.keys(), (symbol) => vocabulary.indexOf(symbol) ?? 0);
    const root = createRng(options.seed).stream('dataset/entities');
    const split = (split: SplitName): ClozeSplit => {
      const rng = root.stream(split);
      const examples = this.#examples[split].map(({ passage, question, answer }, n) => {
        const example = {
          passage: passage.map((number) => final[number]!),
          question: question.map((number) => final[number]!),
          answer: final[answer]!,
        };
        return options.shuffleEntities === 'none' ? example : relabelEntities(example, task, rng.stream(String(n)));
      });
      const inTraining = split === 'train';
      return Object.freeze({
        kind: 'cloze',
        examples: Object.freeze(examples),
        ...(inTraining && options.withReplacement && { withReplacement: true }),
        ...(inTraining && options.shuffleEntities === 'epoch' && { shuffleEntities: true }),
      });
    };
    return { name, task, splits: Object.freeze({ train: split('train'), valid: split('valid'), test: split('test') }) };
  }

  #words({ vocabularySize, minCount }: ClozeOptions, fixed: number): string[] {
    const limit = vocabularySize ?? Number.POSITIVE_INFINITY;
    if (limit <= fixed)
      throw new RnnxError('RNNX_OPTION_CONFLICT', 'The vocabulary has no room for a word', {
        got: `vocabularySize ${vocabularySize}`,
        expected: `more than ${fixed}: ${unknownToken}, ${placeholder} and ${fixed - 2} entity markers come first`,
        remedy: 'raise "vocabularySize", or leave it out',
      });
    const special = (symbol: string) =>
      symbol === placeholder || symbol === unknownToken || entityNumber(symbol) !== undefined;
    return [...this.#numbers]
      .filter(([symbol, number]) => this.#counts[number]! >= minCount && !special(symbol))
      .sort(([, a], [, b]) => this.#counts[b]! - this.#counts[a]!) // stable: ties stay in the order of appearance
      .slice(0, limit - fixed)
      .map(([symbol]) => symbol);
  }
}

/** @param of the split of which the shares are taken; the majority is that of `train` */
export function clozeShares({ entities }: ClozeTask, train: ClozeSplit, of: ClozeSplit): ClozeShares {
  const isEntity = new Set(entities);
  const counts = new Map<number, number>();
  for (const { answer } of train.examples) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const [majority] = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  const total = { answerable: 0, majority: 0, first: 0, random: 0 };
  for (const { passage, answer } of of.examples) {
    const found = [...new Set(passage.filter((token) => isEntity.has(token)))];
    const present = found.includes(answer);
    total.answerable += present ? 1 : 0;
    total.majority += answer === majority ? 1 : 0;
    total.first += answer === found[0] ? 1 : 0;
    total.random += present ? 1 / found.length : 0;
  }
  const share = (sum: number) => sum / of.examples.length;
  return {
    answerable: share(total.answerable),
    majority: share(total.majority),
    first: share(total.first),
    random: share(total.random),
  };
}

/** One line a split: how many questions, and what naive answers reach. */
export function describeShares(task: ClozeTask, splits: Readonly<Record<SplitName, ClozeSplit>>): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return splitNames.map((split) => {
    const { answerable, majority, first, random } = clozeShares(task, splits.train, splits[split]);
    return (
      `${split}: ${splits[split].examples.length} questions, the answer in ${percent(answerable)} of the passages; ` +
      `accuracy of the commonest answer ${percent(majority)}, of the first entity ${percent(first)}, ` +
      `of any entity of the passage ${percent(random)}`
    );
  });
}
