import { noisinPtb } from './noisin-ptb.js';
import type { Preset } from './preset.js';
import { quickstart } from './quickstart.js';

export type { Preset, Published, PublishedRow } from './preset.js';

/** Every preset; names and aliases are unique. */
export const presets: readonly Preset[] = [quickstart, ...noisinPtb];
