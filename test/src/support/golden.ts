import { readFileSync } from 'node:fs';

/** A committed file of reference values; the script beside it says how it was made. */
export function readGolden<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../../src/golden/${file}`, import.meta.url), 'utf8')) as T;
}
