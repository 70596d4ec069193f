import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ClozeSplit,
  createRng,
  type Dataset,
  type DatasetProvider,
  definePlugin,
  type LoadContext,
  type Rng,
  RnnxError,
  type SplitName,
} from '@rnnx/core';
import { ClozeBuilder, type ClozeOptions, clozeSchema, describeShares } from './cloze.js';
import { cnnQaFolders } from './cnn-qa.js';
import { splitNames } from './corpus.js';
import { formatQuestion, placeholder, type QuestionText } from './question-file.js';

export interface SyntheticTextOptions {
  readonly seed: number;
  readonly trainQuestions: number;
  readonly validQuestions: number;
  readonly testQuestions: number;
  readonly entities: number;
  readonly sentences: number;
  readonly verbs: number;
  readonly answerable: number;
}

export interface SyntheticClozeOptions
  extends SyntheticTextOptions,
    Pick<ClozeOptions, 'answers' | 'shuffleEntities' | 'withReplacement'> {}

const verbs = [
  ...['praised', 'met', 'called', 'followed', 'invited', 'paid', 'warned', 'thanked'],
  ...['visited', 'helped', 'trusted', 'blamed'],
];
const adverbs = ['often', 'yesterday', 'quietly', 'again'];

const questions = (split: string, fallback: number) => ({
  description: `questions of the ${split} split`,
  type: 'integer',
  minimum: 1,
  maximum: 1_000_000,
  default: fallback,
});

/**
 * Cloze questions that come with the package and that reading answers: a passage of facts about anonymous entities, and one
 * of the facts with its subject left out.
 *
 *     @entity3 often praised @entity0 . @entity1 met @entity3 . @entity4 praised @entity1 .
 *     @placeholder praised @entity1                                                          @entity4
 *
 * Each pair of verb and object stands once in a passage, so the fact that is asked for has one answer. With
 * `answerable` a below 1 a share of the questions asks for a pair that the passage does not have; their answer is uniform
 * over the k - 1 entities other than the object, whatever the passage says. Hence the best error rate possible, the
 * `floor`, is 100 (1 - a) (1 - 1/(k - 1)) percent.
 *
 * The same seed gives the same questions; each split has a random stream of its own, so a longer one begins like a shorter.
 *
 * Errors: RNNX_OPTION_CONFLICT where the verbs and entities make too few pairs for the sentences.
 */
export const syntheticCloze = definePlugin<'dataset', SyntheticClozeOptions>({
  kind: 'dataset',
  name: 'synthetic-cloze',
  summary: 'Synthetic cloze questions with a known best error rate, in the form of the CNN corpus; needs no files',
  core: '^0.1.0',
  paper: null,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      seed: {
        description: 'seed of the questions; independent of the seeds of the runs',
        type: 'integer',
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 1,
      },
      trainQuestions: questions('training', 4_000),
      validQuestions: questions('validation', 500),
      testQuestions: questions('test', 500),
      entities: {
        description: 'entities that a passage may be about',
        type: 'integer',
        minimum: 3,
        maximum: 100,
        default: 5,
      },
      sentences: { description: 'facts in a passage', type: 'integer', minimum: 1, maximum: 100, default: 3 },
      verbs: { description: 'verbs to choose from', type: 'integer', minimum: 1, maximum: verbs.length, default: 4 },
      answerable: {
        description: 'probability that the passage has the fact that is asked for',
        type: 'number',
        minimum: 0,
        maximum: 1,
        default: 1,
      },
      ...clozeSchema,
    },
  },
  create: (options) => {
    checkPairs(options);
    return new SyntheticProvider(options);
  },
});

class SyntheticProvider implements DatasetProvider {
  readonly #options: SyntheticClozeOptions;

  constructor(options: SyntheticClozeOptions) {
    this.#options = options;
  }

  async load(context: LoadContext): Promise<Dataset> {
    context.signal?.throwIfAborted();
    const { entities, answerable, seed, sentences } = this.#options;
    const builder = new ClozeBuilder();
    const texts = syntheticQuestions(this.#options);
    for (const split of splitNames) for (const text of texts[split]) builder.add(split, text);
    const dataset = builder.build('synthetic-cloze', { ...this.#options, vocabularySize: null, minCount: 1 });
    const floor = 100 * (1 - answerable) * (1 - 1 / (entities - 1));
    return Object.freeze({
      ...dataset,
      floor: Object.freeze({
        value: floor,
        description:
          `percentage of wrong answers of a reader without fault: ${(100 * answerable).toFixed(1)} % of the questions are ` +
          `answered in the passage, the others have one of ${entities - 1} entities at random`,
      }),
      notes: Object.freeze([
        `source: rnnx's generator, seed ${seed}, ${sentences} facts about at most ${entities} entities`,
        ...describeShares(dataset.task, dataset.splits as Record<SplitName, ClozeSplit>),
        "licence: MIT, as rnnx; the sentences are made by rnnx's own generator",
      ]),
    });
  }
}

/** The questions as text, before any marker is exchanged. Errors: RNNX_OPTION_CONFLICT. */
export function syntheticQuestions(options: SyntheticTextOptions): Record<SplitName, QuestionText[]> {
  checkPairs(options);
  const root = createRng(options.seed).stream('dataset/synthetic-cloze');
  const split = (name: SplitName, count: number) =>
    Array.from({ length: count }, (_, n) => questionOf(options, root.stream(`${name}/${n}`), `rnnx:${name}/${n}`));
  return {
    train: split('train', options.trainQuestions),
    valid: split('valid', options.validQuestions),
    test: split('test', options.testQuestions),
  };
}

/** Writes questions as files that the data set `cnn-qa` reads: `training/0000000.question`, ... */
export async function writeQuestionFiles(
  folder: string,
  texts: Readonly<Record<SplitName, readonly QuestionText[]>>,
): Promise<void> {
  for (const split of splitNames) {
    const target = join(folder, cnnQaFolders[split]);
    await mkdir(target, { recursive: true });
    for (const [n, text] of texts[split].entries())
      await writeFile(join(target, `${String(n).padStart(7, '0')}.question`), formatQuestion(text));
  }
}

function questionOf(options: SyntheticTextOptions, rng: Rng, url: string): QuestionText {
  const { entities, sentences } = options;
  const pick = (purpose: string, count: number) => rng.stream(purpose).permutation(count)[0]!;
  const marker = (entity: number) => `@entity${entity}`;
  const other = (purpose: string, than: number) => marker((than + 1 + pick(purpose, entities - 1)) % entities);
  // Pairs of verb and object in random order: the passage has the first ones.
  const pairs = rng.stream('pairs').permutation(options.verbs * entities);
  const pairOf = (n: number) => ({ verb: verbs[Math.floor(pairs[n]! / entities)]!, object: pairs[n]! % entities });
  const subjects: string[] = [];
  const passage: string[] = [];
  for (let n = 0; n < sentences; n++) {
    const { verb, object } = pairOf(n);
    const subject = other(`subject-${n}`, object);
    const adverb = adverbs[pick(`adverb-${n}`, 2 * adverbs.length)]; // absent half of the time
    subjects.push(subject);
    passage.push(subject, ...(adverb === undefined ? [] : [adverb]), verb, marker(object), '.');
  }
  const told = rng.stream('answerable').doubles(1)[0]! < options.answerable;
  const asked = told ? pick('asked', sentences) : sentences;
  const { verb, object } = pairOf(asked);
  const names = new Map<string, string>();
  for (const token of passage) if (token.startsWith('@entity')) names.set(token, `entity ${token.slice(7)}`);
  return {
    url,
    passage,
    question: [placeholder, verb, marker(object)],
    answer: told ? subjects[asked]! : other('answer', object),
    names,
  };
}

/** Errors: RNNX_OPTION_CONFLICT. */
function checkPairs({ verbs, entities, sentences, answerable }: SyntheticTextOptions): void {
  const needed = sentences + (answerable < 1 ? 1 : 0);
  if (needed <= verbs * entities) return;
  throw new RnnxError('RNNX_OPTION_CONFLICT', 'There are too few pairs of verb and object for the facts', {
    got: `${verbs} verbs and ${entities} entities for ${needed} facts`,
    expected: `at most ${verbs * entities} facts`,
    remedy: 'lower "sentences", or raise "verbs" or "entities"',
  });
}
