import { invalidFile, readText } from './files.js';

/** Marks the gap in a question. */
export const placeholder = '@placeholder';

/** One cloze question as it is written: tokens between white space. */
export interface QuestionText {
  readonly url: string;
  readonly passage: readonly string[];
  readonly question: readonly string[];
  /** An entity marker, `@entity7`. */
  readonly answer: string;
  /** Names by marker, where the file tells them. */
  readonly names: ReadonlyMap<string, string>;
}

/** Larger numbers are no marker of a text; a vocabulary of them would only fill the memory. */
const largestEntity = 99_999;

/** Number of an entity marker, or `undefined` for any other token. */
export function entityNumber(token: string): number | undefined {
  const digits = /^@entity(0|[1-9]\d*)$/.exec(token)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

interface Line {
  readonly text: string;
  /** Of its first character. */
  readonly at: number;
}

/**
 * Reads the form of the CNN and Daily Mail corpora (Hermann et al. 2015): URL, passage on one line, question, answer, each
 * followed by a blank line; then `@entityN:name` a line, which may be absent.
 *
 * Errors: RNNX_DATA_INVALID with the byte offset: a part missing or empty, text where a blank line belongs, a question without
 * `@placeholder`, an answer that is no marker, a line of the list that is none of it, a marker above `@entity99999`.
 *
 * @param path for messages
 */
export function parseQuestion(text: string, path: string): QuestionText {
  const lines = linesOf(text);
  const refuse = (line: Line | undefined, skip: number, got: string, expected: string): never => {
    const offset = Buffer.byteLength(text.slice(0, line === undefined ? text.length : line.at + skip));
    throw invalidFile(path, offset, got, expected);
  };
  const part = (index: number, what: string): Line => {
    const line = lines[index];
    if (line === undefined || line.text.trim() === '') {
      const got = line === undefined || lines.length === index + 1 ? 'the end of the file' : 'a blank line';
      return refuse(line, 0, got, what);
    }
    const next = lines[index + 1];
    if (next !== undefined && next.text.trim() !== '') refuse(next, 0, quote(next.text), `a blank line after ${what}`);
    return line;
  };
  const tokens = (line: Line): string[] => {
    const found: string[] = [];
    for (const match of line.text.matchAll(/\S+/g)) {
      const number = entityNumber(match[0]);
      if (number !== undefined && number > largestEntity)
        refuse(line, match.index, quote(match[0]), `a marker up to @entity${largestEntity}`);
      found.push(match[0]);
    }
    return found;
  };

  const url = part(0, 'the URL of the text').text.trim();
  const passage = tokens(part(2, 'the passage'));
  const asked = part(4, 'the question');
  const question = tokens(asked);
  if (!question.includes(placeholder)) refuse(asked, 0, quote(asked.text), `a question with ${placeholder}`);
  const answered = part(6, 'the answer');
  const [answer, ...more] = tokens(answered);
  if (entityNumber(answer!) === undefined || more.length > 0)
    refuse(answered, 0, quote(answered.text), 'one entity marker, such as @entity7');
  const names = new Map<string, string>();
  for (const line of lines.slice(8)) {
    if (line.text.trim() === '') continue;
    const entry = /^(@entity\d+):(.*)$/.exec(line.text.trimEnd());
    if (entry === null) refuse(line, 0, quote(line.text), 'a line @entityN:name');
    else names.set(entry[1]!, entry[2]!);
  }
  return { url, passage, question, answer: answer!, names };
}

/** The same form as text; `parseQuestion` gives the question back. */
export function formatQuestion({ url, passage, question, answer, names }: QuestionText): string {
  const list = [...names].map(([marker, name]) => `${marker}:${name}\n`).join('');
  return `${url}\n\n${passage.join(' ')}\n\n${question.join(' ')}\n\n${answer}\n\n${list}`;
}

/** Errors: those of `parseQuestion`, RNNX_DATA_MISSING, RNNX_DATA_ENCODING, RNNX_DATA_UNSAFE. */
export async function readQuestion(path: string): Promise<QuestionText> {
  return parseQuestion((await readText(path)).text, path);
}

/** The lines; what follows the last newline is one only if it has text. */
function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const stop = end < 0 ? text.length : end;
    lines.push({ text: text.slice(at, stop), at });
    at = stop + 1;
  }
  return lines;
}

function quote(text: string): string {
  const shown = text.trimEnd();
  return JSON.stringify(shown.length > 60 ? `${shown.slice(0, 57)}...` : shown);
}
