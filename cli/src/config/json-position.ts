/** Where a text stops being JSON; line and column from 0, as YAML's parser counts. */
export interface Mark {
  readonly line: number;
  readonly column: number;
}

const scalar =
  /(?:"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;
const key = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const space = /[ \t\n\r]*/y;

/** `JSON.parse` does not tell the place of an error in every version of Node. */
export function jsonErrorAt(text: string): Mark {
  const before = text.slice(0, firstError(text)).split('\n');
  return { line: before.length - 1, column: before.at(-1)!.length };
}

function firstError(text: string): number {
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const skip = (character: string) => {
    take(space);
    if (text[at] !== character) return false;
    at++;
    take(space);
    return true;
  };
  /** Whether a whole value was read; if not, `at` is the place. */
  const value = (): boolean => {
    if (skip('{')) return members('}', () => take(key) && skip(':') && value());
    if (skip('[')) return members(']', value);
    return take(scalar);
  };
  const members = (close: string, member: () => boolean): boolean => {
    if (skip(close)) return true;
    do if (!member()) return false;
    while (skip(','));
    return skip(close);
  };
  take(space);
  value();
  take(space);
  return at;
}
