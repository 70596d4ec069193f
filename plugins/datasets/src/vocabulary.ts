import { type LanguageTask, RnnxError, type Vocabulary } from '@rnnx/core';

/** Ends a line of words. */
export const endOfSentence = '<eos>';
/** Stands for every token outside the vocabulary. */
export const unknownToken = '<unk>';

export type Unit = 'word' | 'character';
export type Metric = LanguageTask['metric'];

/** How a text becomes symbols; training text, held-out text and prompts all go through the same rules. */
export interface Tokenization {
  readonly unit: Unit;
  /** Put `<eos>` at the end of each line (words only). */
  readonly eos: boolean;
  readonly lowercase: boolean;
}

/** Errors: none; a repeated symbol keeps its first index. */
export function createVocabulary(symbols: readonly string[]): Vocabulary {
  const indices = new Map<string, number>();
  symbols.forEach((symbol, index) => {
    if (!indices.has(symbol)) indices.set(symbol, index);
  });
  return Object.freeze({
    symbols: Object.freeze([...symbols]),
    indexOf: (symbol: string) => indices.get(symbol),
  });
}

/**
 * Visits the symbols of a text in order.
 *
 * Words are what stands between ASCII white space, so that a no-break space inside a token stays there. A last line
 * without a newline counts as a line when it has words. Characters are Unicode code points, the newline included.
 *
 * @param visit receives each symbol, its line and its place within the line, both from 1
 */
export function eachSymbol(
  text: string,
  how: Tokenization,
  visit: (symbol: string, line: number, place: number) => void,
): void {
  const cased = how.lowercase ? text.toLowerCase() : text;
  if (how.unit === 'character') eachCharacter(cased, visit);
  else eachWord(cased, how.eos, visit);
}

function eachCharacter(text: string, visit: (symbol: string, line: number, place: number) => void): void {
  let line = 1;
  let place = 0;
  for (const symbol of text) {
    visit(symbol, line, ++place);
    if (symbol === '\n') {
      line++;
      place = 0;
    }
  }
}

function eachWord(text: string, eos: boolean, visit: (symbol: string, line: number, place: number) => void): void {
  let line = 1;
  let place = 0;
  let start = -1; // of the word under way
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : newline;
    const space = code === 32 || (code >= 9 && code <= 13);
    if (!space) {
      if (start < 0) start = i;
      continue;
    }
    if (start >= 0) visit(text.slice(start, i), line, ++place);
    start = -1;
    if (code !== newline) continue;
    if (eos && (i < text.length || place > 0)) visit(endOfSentence, line, ++place);
    line++;
    place = 0;
  }
}

const newline = 10;

/**
 * The task of a token stream, with text to tokens and back.
 *
 * @param unknown index to which symbols outside the vocabulary are mapped; without it they are errors
 */
export function languageTask(
  vocabulary: Vocabulary,
  how: Tokenization,
  metric: Metric,
  unknown: number | undefined,
): LanguageTask {
  return Object.freeze({
    kind: 'language-model' as const,
    unit: how.unit,
    vocabulary,
    start: startToken(vocabulary, how.unit),
    metric,
    detokenize: (tokens: readonly number[]) => detokenize(tokens, vocabulary, how.unit),
    tokenize: (text: string) => {
      const tokens: number[] = [];
      // A prompt's last line goes on, so only its newlines end a line.
      const lines = { ...how, eos: false };
      text.split(/(?<=\n)/).forEach((part, index) => {
        eachSymbol(part, lines, (symbol, _line, place) => {
          tokens.push(vocabulary.indexOf(symbol) ?? unknown ?? refuse(symbol, `the prompt, line ${index + 1}`, place));
        });
        if (how.eos && part.endsWith('\n')) tokens.push(vocabulary.indexOf(endOfSentence)!);
      });
      return Int32Array.from(tokens);
    },
  });
}

/** Errors: RNNX_TOKEN_UNKNOWN, always. */
export function refuse(symbol: string, where: string, place: number, remedy?: string): never {
  throw new RnnxError('RNNX_TOKEN_UNKNOWN', `A token is not in the vocabulary: ${JSON.stringify(symbol)}`, {
    got: `${JSON.stringify(symbol)} in ${where}, token ${place}`,
    expected: 'a token that the training split has',
    remedy: remedy ?? 'write it with tokens of the training split',
  });
}

/**
 * What stands before the first token: the end of a line where the vocabulary has one, else a space, else the first
 * (most frequent) symbol.
 */
function startToken(vocabulary: Vocabulary, unit: Unit): number {
  const candidates = unit === 'word' ? [endOfSentence] : ['\n', ' '];
  for (const symbol of candidates) {
    const index = vocabulary.indexOf(symbol);
    if (index !== undefined) return index;
  }
  return 0;
}

function detokenize(tokens: readonly number[], vocabulary: Vocabulary, unit: Unit): string {
  const symbols = tokens.map((token) => {
    const symbol = vocabulary.symbols[token];
    if (symbol === undefined)
      throw new RnnxError('RNNX_TOKEN_UNKNOWN', 'A token number is outside the vocabulary', {
        got: String(token),
        expected: `a whole number from 0 to ${vocabulary.symbols.length - 1}`,
        remedy: 'use the vocabulary that the tokens were made with',
      });
    return symbol;
  });
  if (unit === 'character') return symbols.join('');
  let text = '';
  for (const symbol of symbols) {
    if (symbol === endOfSentence) text += '\n';
    else text += text === '' || text.endsWith('\n') ? symbol : ` ${symbol}`;
  }
  return text;
}
