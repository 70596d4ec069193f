import { rbnReader, readerDemo } from './attentive-reader.js';
import { iclrPtb } from './iclr-ptb.js';
import { iclrWikiText2 } from './iclr-wikitext-2.js';
import { music } from './music.js';
import { noisinPtb } from './noisin-ptb.js';
import { noisinWikiText2 } from './noisin-wikitext-2.js';
import type { Preset } from './preset.js';
import { quickstart } from './quickstart.js';
import { rbnMnist } from './rbn-mnist.js';
import { rbnPtbChar } from './rbn-ptb-char.js';
import { rbnText8 } from './rbn-text8.js';

export type { Choice, Preset, Published, PublishedRow, SearchRange } from './preset.js';
export { describePublished } from './published.js';

/** Every preset, table by table; names and aliases are unique. */
export const presets: readonly Preset[] = [
  quickstart,
  ...noisinPtb,
  ...noisinWikiText2,
  ...iclrPtb,
  ...iclrWikiText2,
  ...rbnMnist,
  ...rbnPtbChar,
  ...rbnText8,
  ...rbnReader,
  readerDemo,
  ...music,
];

/** The rows of a paper's tables, in their order; empty for an unknown key. */
export function presetsOfPaper(key: string): readonly Preset[] {
  return presets.filter(({ paper }) => paper?.key === key);
}
