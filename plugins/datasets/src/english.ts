import { type Edge, UnifilarSource } from './automaton.js';
import { endOfSentence } from './vocabulary.js';

/** How hard the grammar is to learn. */
export interface EnglishOptions {
  /** Subjects that wait for their verbs while a relative clause is said, at most. 0 leaves clauses out. */
  readonly depth: number;
  /** Probability that a noun has a relative clause, while the depth allows it. */
  readonly clauseRate: number;
}

type GrammaticalNumber = 'singular' | 'plural';
type Kind = 'person' | 'animal';
const numbers: readonly GrammaticalNumber[] = ['singular', 'plural'];
const kinds: readonly Kind[] = ['person', 'animal'];

/** Singular and plural; within a kind from frequent to rare. */
const nouns: Readonly<Record<Kind, readonly (readonly [string, string])[]>> = {
  person: [
    ['king', 'kings'],
    ['teacher', 'teachers'],
    ['girl', 'girls'],
    ['sailor', 'sailors'],
    ['baker', 'bakers'],
  ],
  animal: [
    ['dog', 'dogs'],
    ['bird', 'birds'],
    ['wolf', 'wolves'],
    ['horse', 'horses'],
    ['fox', 'foxes'],
  ],
};

/** Persons prefer the first ones, animals the last ones. */
const transitive: readonly (readonly [string, string])[] = [
  ['sees', 'see'],
  ['calls', 'call'],
  ['greets', 'greet'],
  ['follows', 'follow'],
  ['fears', 'fear'],
  ['chases', 'chase'],
];
const intransitive: readonly (readonly [string, string])[] = [
  ['sings', 'sing'],
  ['waits', 'wait'],
  ['runs', 'run'],
  ['sleeps', 'sleep'],
];

/** `the` leaves the number open. */
const determiners: readonly (readonly [string, number, GrammaticalNumber | 'any'])[] = [
  ['the', 0.4, 'any'],
  ['a', 0.2, 'singular'],
  ['every', 0.12, 'singular'],
  ['some', 0.16, 'plural'],
  ['many', 0.12, 'plural'],
];
const adjectives: Readonly<Record<Kind, readonly string[]>> = {
  person: ['young', 'clever', 'proud'],
  animal: ['wild', 'hungry', 'small'],
};
const adverbs = ['often', 'today', 'quietly', 'again'];

const adjectiveRate = 0.35;
const adverbRate = 0.3;
const transitiveRate = 0.6;
/** How often an adjective, or the verb before an object, is followed by a noun of its favourite kind. */
const affinity = 0.85;

/** A subject that waits for its verb. */
interface Subject {
  readonly number: GrammaticalNumber;
  readonly kind: Kind;
  /** The clause's object stands before it (`the dog that the king sees`), so that the verb ends the clause. */
  readonly gap: boolean;
}

/** What the past leaves to be said. */
interface State {
  readonly place: 'start' | 'noun-phrase' | 'noun' | 'subject' | 'object' | 'relative' | 'clause-end' | 'after-adverb';
  /** The innermost subject last. */
  readonly pending: readonly Subject[];
  /** Of the noun phrase under way. */
  readonly role?: 'subject' | 'gap-subject' | 'object';
  readonly number?: GrammaticalNumber | 'any';
  /** The kind of noun that is likely next; of the head after a noun. */
  readonly kind?: Kind | 'any';
  /** After the determiner: an adjective has been said. */
  readonly described?: boolean;
}

/**
 * An English-like grammar as a unifilar source. A sentence is a subject and its verb, perhaps an object, an adverb and
 * `<eos>`. Nouns may have relative clauses, with the noun as subject (`dogs that see a king`) or as object (`dogs that
 * a king sees`), inside one another up to a depth; each noun phrase may have an adjective. What must be remembered over
 * a distance:
 *
 * - number: every verb agrees with its subject, which may stand several clauses before it;
 * - kind: persons and animals differ in what they do, and transitive verbs in whom they are done to;
 * - structure: how many subjects wait for a verb, and whether a clause still may have an object.
 *
 * Word frequencies within a class fall as 1/rank (Zipf).
 */
export function englishSource(options: EnglishOptions): UnifilarSource {
  const start: State = { place: 'start', pending: [] };
  return new UnifilarSource(JSON.stringify(start), (key) => {
    const edges = edgesOf(JSON.parse(key) as State, options);
    return edges.map(([symbol, probability, next]) => ({ symbol, probability, next: JSON.stringify(next) }) as Edge);
  });
}

type Way = readonly [symbol: string, probability: number, next: State];

function edgesOf(state: State, options: EnglishOptions): Way[] {
  const { pending } = state;
  switch (state.place) {
    case 'start':
      return nounPhrase(pending, 'subject', 'any');
    case 'noun-phrase':
      return nounPhrase(pending, state.role!, state.kind!);
    case 'noun':
      return [...(state.described ? [] : describe(state)), ...noun(state)];
    case 'subject': {
      const clause = relative(state, options);
      return [...clause, ...scale(1 - rate(clause), verb(pending))];
    }
    case 'object': {
      const clause = relative(state, options);
      return [...clause, ...scale(1 - rate(clause), clauseEnd(pending))];
    }
    case 'relative':
      return [
        ...scale(
          0.5,
          verb([...pending, { number: state.number as GrammaticalNumber, kind: state.kind as Kind, gap: false }]),
        ),
        ...scale(0.5, nounPhrase(pending, 'gap-subject', 'any')),
      ];
    case 'clause-end':
      return clauseEnd(pending);
    case 'after-adverb':
      return goOn(pending);
  }
}

function nounPhrase(pending: readonly Subject[], role: NonNullable<State['role']>, kind: Kind | 'any'): Way[] {
  return determiners.map(([word, probability, number]) => [
    word,
    probability,
    { place: 'noun', pending, role, number, kind, described: false },
  ]);
}

function describe(state: State): Way[] {
  return kinds.flatMap((kind) =>
    zipf(adjectives[kind]).map(
      ([word, probability]): Way => [
        word,
        adjectiveRate * kindShare(state.kind!, kind) * probability,
        { ...state, kind, described: true },
      ],
    ),
  );
}

function noun(state: State): Way[] {
  const share = state.described ? 1 : 1 - adjectiveRate;
  const allowed = numbers.filter((number) => state.number === 'any' || state.number === number);
  return allowed.flatMap((number) =>
    kinds.flatMap((kind) =>
      zipf(nouns[kind]).map(([forms, probability]): Way => {
        const total = (share / allowed.length) * kindShare(state.kind!, kind) * probability;
        return [forms[numbers.indexOf(number)]!, total, afterNoun(state, number, kind)];
      }),
    ),
  );
}

function afterNoun({ pending, role }: State, number: GrammaticalNumber, kind: Kind): State {
  if (role === 'object') return { place: 'object', pending, number, kind };
  return { place: 'subject', pending: [...pending, { number, kind, gap: role === 'gap-subject' }], number, kind };
}

/** `that`, where another clause may open. A subject with a clause stays pending underneath it. */
function relative({ place, pending, number, kind }: State, { depth, clauseRate }: EnglishOptions): Way[] {
  const waiting = place === 'subject' ? pending.length : pending.length + 1; // while the clause is said
  if (waiting > depth || clauseRate === 0) return [];
  return [['that', clauseRate, { place: 'relative', pending, number: number!, kind: kind! }]];
}

function verb(pending: readonly Subject[]): Way[] {
  const { number, kind, gap } = pending[pending.length - 1]!;
  const rest = pending.slice(0, -1);
  const form = numbers.indexOf(number);
  const preferred = <T>(words: readonly T[]) => zipf(kind === 'person' ? words : [...words].reverse());
  const withObject = preferred(transitive).map(([forms, probability]): Way => {
    const likely: Kind = transitive.indexOf(forms) % 2 === 0 ? 'person' : 'animal';
    const next: State = gap
      ? { place: 'clause-end', pending: rest }
      : { place: 'noun-phrase', pending: rest, role: 'object', kind: likely };
    return [forms[form]!, probability, next];
  });
  if (gap) return withObject;
  const alone = preferred(intransitive).map(
    ([forms, probability]): Way => [forms[form]!, probability, { place: 'clause-end', pending: rest }],
  );
  return [...scale(transitiveRate, withObject), ...scale(1 - transitiveRate, alone)];
}

/** Perhaps an adverb; then the verb of the subject that waits, or the end of the sentence. */
function clauseEnd(pending: readonly Subject[]): Way[] {
  const next: State = { place: 'after-adverb', pending };
  const said = zipf(adverbs).map(([word, probability]): Way => [word, adverbRate * probability, next]);
  return [...said, ...scale(1 - adverbRate, goOn(pending))];
}

function goOn(pending: readonly Subject[]): Way[] {
  return pending.length > 0 ? verb(pending) : [[endOfSentence, 1, { place: 'start', pending: [] }]];
}

function kindShare(likely: Kind | 'any', kind: Kind): number {
  if (likely === 'any') return 1 / kinds.length;
  return likely === kind ? affinity : 1 - affinity;
}

function zipf<T>(items: readonly T[]): (readonly [T, number])[] {
  const total = items.reduce((sum, _, index) => sum + 1 / (index + 1), 0);
  return items.map((item, index) => [item, 1 / (index + 1) / total] as const);
}

function scale(factor: number, ways: readonly Way[]): Way[] {
  return ways.map(([word, probability, next]) => [word, factor * probability, next]);
}

function rate(ways: readonly Way[]): number {
  return ways.reduce((sum, [, probability]) => sum + probability, 0);
}
