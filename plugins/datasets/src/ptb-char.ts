import { type DatasetProvider, definePlugin, type LoadContext, type SplitName } from '@rnnx/core';
import { createCorpus, type SplitText, splitNames } from './corpus.js';
import { invalidFile } from './files.js';
import { ptbLicence, ptbPaper, ptbSource, ptbWords } from './ptb.js';
import { cachedCorpus, localCorpus, type PublishedCorpus, publishedSchema } from './published.js';
import type { Sources } from './sources.js';

export interface PtbCharOptions {
  readonly verify: boolean;
  readonly source: string;
}

/** File and SHA-256 of each split. */
export const ptbCharFiles = {
  train: { name: 'ptb.char.train.txt', sha256: 'e313d91425e06c4f0a8fb6e881dcce0c291f2a0e9f4dda54833069b122f91da9' },
  valid: { name: 'ptb.char.valid.txt', sha256: '21661f63ec355085879458b6524644d4add5573541b4be14fb52ab2e2e995eb8' },
  test: { name: 'ptb.char.test.txt', sha256: '1ef5607ac3c463b16e38bfe7900dd3bfc91de5a96e0f21e7eab5188b465b8ebe' },
} as const;

const corpus: PublishedCorpus = {
  name: 'ptb-char',
  title: 'the character form of the Penn Treebank',
  files: ptbCharFiles,
};

/**
 * Penn Treebank, characters, in the preparation of T. Mikolov: 5,017,482 / 393,042 / 442,423 characters, 50 symbols, the
 * newline and the space between words among them. Bits per character.
 *
 * Looks for `ptb.char.*.txt` in the data folder and its subfolder `ptb-char`. Where they are absent, the characters are
 * derived from the word files of the data set `ptb` (data folder, subfolder `ptb`, cache, download) by the rule of
 * `characterFile`, which gives the same bytes; a note says so.
 *
 * Errors: RNNX_DATA_CHECKSUM, RNNX_DATA_MISSING, RNNX_DATA_INVALID, RNNX_DATA_OFFLINE, RNNX_DATA_DOWNLOAD,
 * RNNX_DATA_TRUNCATED, RNNX_TOKEN_UNKNOWN.
 */
export const ptbChar = definePlugin<'dataset', PtbCharOptions>({
  kind: 'dataset',
  name: 'ptb-char',
  summary: 'Penn Treebank, characters, in the preparation of Mikolov: 5,017,482 training characters, 50 symbols',
  core: '^0.1.0',
  paper: ptbPaper,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: publishedSchema('the word files are', ptbSource),
  },
  create: (options) => new PtbCharProvider(options),
});

class PtbCharProvider implements DatasetProvider {
  readonly #options: PtbCharOptions;

  constructor(options: PtbCharOptions) {
    this.#options = options;
  }

  async load(context: LoadContext) {
    context.signal?.throwIfAborted();
    const { texts, notes } = await this.#read(context);
    return createCorpus(texts, {
      name: 'ptb-char',
      unit: 'character',
      eos: false,
      lowercase: false,
      vocabularySize: null,
      unknown: 'error',
      unknownRemedy: 'use the published files, or the data set "text", which can map such characters to <unk>',
      metric: 'bits-per-character',
      notes: [...notes, ptbLicence],
    });
  }

  async #read(context: LoadContext): Promise<Sources> {
    const { verify } = this.#options;
    const characters = await localCorpus(corpus, verify, context);
    if (characters !== undefined)
      return convert(characters, ({ text, from }) => ({ text: readCharacterFile(text, from), from }));
    const words =
      (await localCorpus(ptbWords, verify, context)) ?? (await cachedCorpus(ptbWords, this.#options, context));
    const derived = convert(words, ({ text, from }) => ({ text: charactersOf(text).replaceAll('_', ' '), from }));
    const rule = 'words joined by a space, one newline a line, which gives the bytes of ptb.char.*.txt';
    return { ...derived, notes: [...derived.notes, `derived from the word files (no ptb.char.*.txt): ${rule}`] };
  }
}

function convert({ texts, notes }: Sources, how: (split: SplitText) => SplitText): Sources {
  const converted = Object.fromEntries(splitNames.map((split) => [split, how(texts[split])]));
  return { texts: converted as Record<SplitName, SplitText>, notes };
}

/** The characters of a word file: words of a line joined by `_`, and a newline after each line. */
function charactersOf(words: string): string {
  const lines = words.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => `${(line.match(/\S+/g) ?? []).join('_')}\n`).join('');
}

/** A word file (`ptb.*.txt`) in the form of `ptb.char.*.txt`: its characters, each followed by one space. */
export function characterFile(words: string): string {
  return charactersOf(words).replace(/./gs, '$& ');
}

/**
 * The characters of a file of that form, with a space in place of each `_`.
 *
 * Errors: RNNX_DATA_INVALID where a character is not followed by a space.
 */
function readCharacterFile(text: string, path: string): string {
  const characters: string[] = [];
  for (let i = 0; i < text.length; i += 2) {
    if (text[i + 1] !== ' ')
      throw invalidFile(
        path,
        Buffer.byteLength(text.slice(0, i + 1)),
        i + 1 < text.length ? JSON.stringify(text[i + 1]) : 'the end of the file',
        `a space after the character ${JSON.stringify(text[i])}`,
        'write each character with one space after it, or remove the file to derive it from the word files',
      );
    characters.push(text[i] === '_' ? ' ' : text[i]!);
  }
  return characters.join('');
}
