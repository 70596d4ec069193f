import { placeholder } from './question-file.js';

/** Ends a sentence and belongs to it. */
const terminators = new Set(['.', '!', '?']);

/** Cuts a text after each `.`, `!` and `?`; a rest without one is a sentence too. Together they are the text. */
export function sentencesOf(tokens: readonly string[]): string[][] {
  const sentences: string[][] = [];
  let current: string[] = [];
  for (const token of tokens) {
    current.push(token);
    if (!terminators.has(token)) continue;
    sentences.push(current);
    current = [];
  }
  if (current.length > 0) sentences.push(current);
  return sentences;
}

/**
 * The `count` sentences that share most words with the question, in the order of the text.
 *
 * The match of a sentence is the number of distinct tokens of the question that it has, entity markers among them, but
 * neither the placeholder nor punctuation (tokens without letter or digit). Of equal matches the earlier one wins.
 */
export function closestSentences(passage: readonly string[], question: readonly string[], count: number): string[] {
  const sentences = sentencesOf(passage);
  if (sentences.length <= count) return [...passage];
  const words = new Set(question.filter((token) => token !== placeholder && /[\p{L}\p{N}]/u.test(token)));
  const matches = sentences.map((sentence, at) => ({
    at,
    match: [...new Set(sentence)].filter((token) => words.has(token)).length,
  }));
  return matches
    .sort((a, b) => b.match - a.match || a.at - b.at)
    .slice(0, count)
    .sort((a, b) => a.at - b.at)
    .flatMap(({ at }) => sentences[at]!);
}
