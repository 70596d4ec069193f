import { type DatasetProvider, definePlugin, type LoadContext, RnnxError, type SplitName } from '@rnnx/core';
import { createCorpus, splitNames } from './corpus.js';
import { kindOf } from './files.js';
import { isUrl, readPath, readSplits, resolvePath, type Sources } from './sources.js';
import type { Metric, Unit } from './vocabulary.js';

export interface TextOptions {
  readonly unit: Unit;
  readonly path: string | null;
  readonly train: string | null;
  readonly valid: string | null;
  readonly test: string | null;
  readonly validFraction: number | null;
  readonly testFraction: number | null;
  readonly lowercase: boolean;
  readonly eos: boolean | null;
  readonly vocabularySize: number | null;
  readonly unknown: 'error' | 'map';
  readonly metric: Metric | null;
  readonly sha256: Readonly<Partial<Record<SplitName | 'path', string>>>;
}

const location = (what: string) => ({ description: what, type: ['string', 'null'], minLength: 1, default: null });
const checksum = { type: 'string', pattern: '^[0-9a-fA-F]{64}$' };
const defaultFraction = 0.05;

/**
 * Text of the user's own: words or characters, from a folder, from one file a split, or from one file that is cut into
 * splits; each a path or an http(s) URL.
 *
 * Words are separated by white space and nothing else is done to them; every line ends with `<eos>`, which is predicted
 * and counted like any other token (Mikolov et al. 2010). Characters are
 * Unicode code points, the newline among them. The vocabulary is that of the training split. Texts are held in memory.
 *
 * Errors: RNNX_DATA_MISSING, RNNX_DATA_EMPTY, RNNX_DATA_ENCODING, RNNX_DATA_CHECKSUM, RNNX_TOKEN_UNKNOWN,
 * RNNX_OPTION_CONFLICT, and for URLs RNNX_DATA_OFFLINE, RNNX_DATA_DOWNLOAD, RNNX_DATA_TRUNCATED.
 */
export const text = definePlugin<'dataset', TextOptions>({
  kind: 'dataset',
  name: 'text',
  summary: 'Words or characters of text files: a folder, a file a split, or one file cut into splits; paths or URLs',
  core: '^0.1.0',
  paper: null,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      unit: { description: 'what a token is', enum: ['word', 'character'], default: 'word' },
      path: location(
        'a folder with train, valid and test files, or a file or URL to cut into splits; null: --data-dir',
      ),
      train: location('file or URL of the training split; goes with "valid" and "test"'),
      valid: location('file or URL of the validation split'),
      test: location('file or URL of the test split'),
      validFraction: {
        description: `share of a single file for validation; null: ${defaultFraction}`,
        type: ['number', 'null'],
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        default: null,
      },
      testFraction: {
        description: `share of a single file, at its end, for the test; null: ${defaultFraction}`,
        type: ['number', 'null'],
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        default: null,
      },
      lowercase: { description: 'write every letter small', type: 'boolean', default: false },
      eos: {
        description: 'end every line of words with <eos>; null: true for words, false for characters',
        type: ['boolean', 'null'],
        default: null,
      },
      vocabularySize: {
        description: 'largest vocabulary, <eos> and <unk> included: the rarest tokens become <unk>; null: no limit',
        type: ['integer', 'null'],
        minimum: 2,
        default: null,
      },
      unknown: {
        description: 'a token of valid or test that train never shows: an error, or map it to <unk>',
        enum: ['error', 'map'],
        default: 'error',
      },
      metric: {
        description: 'how results are written; null: perplexity for words, bits-per-character for characters',
        enum: ['perplexity', 'bits-per-character', null],
        default: null,
      },
      sha256: {
        description: 'SHA-256 that the files must have, by option: path, train, valid, test',
        type: 'object',
        additionalProperties: false,
        properties: { path: checksum, train: checksum, valid: checksum, test: checksum },
        default: {},
      },
    },
  },
  create: (options) => new TextProvider(options),
});

class TextProvider implements DatasetProvider {
  readonly #options: TextOptions;

  constructor(options: TextOptions) {
    checkConflicts(options);
    this.#options = options;
  }

  async load(context: LoadContext) {
    context.signal?.throwIfAborted();
    const { unit, lowercase, vocabularySize, unknown } = this.#options;
    const { texts, notes } = await this.#read(context);
    return createCorpus(texts, {
      name: 'text',
      unit,
      eos: this.#options.eos ?? unit === 'word',
      lowercase,
      vocabularySize,
      unknown,
      unknownRemedy: 'set the option "unknown" to "map" to read it as <unk>, or use files that belong together',
      metric: this.#options.metric ?? (unit === 'word' ? 'perplexity' : 'bits-per-character'),
      notes: [...notes, 'licence: that of the files; rnnx does not know it'],
    });
  }

  async #read(context: LoadContext): Promise<Sources> {
    const { train, valid, test, sha256, unit } = this.#options;
    if (train !== null) return readSplits({ train, valid: valid!, test: test! }, sha256, context);
    const path = this.#options.path ?? (await defaultPath(context));
    const single = this.#options.validFraction !== null || this.#options.testFraction !== null || sha256.path;
    if (single && !isUrl(path) && (await kindOf(resolvePath(path, context))) === 'folder')
      throw conflict(`${path} is a folder`, 'a single file for "validFraction", "testFraction" and "sha256.path"');
    const validFraction = this.#options.validFraction ?? defaultFraction;
    const testFraction = this.#options.testFraction ?? defaultFraction;
    return readPath(path, { unit, validFraction, testFraction, sha256: sha256.path }, context);
  }
}

async function defaultPath(context: LoadContext): Promise<string> {
  if (context.dataDir === undefined)
    throw new RnnxError('RNNX_DATA_MISSING', 'The data set "text" does not know which text', {
      got: 'no "path", no "train", no --data-dir',
      expected: 'a folder, a file or an URL',
      remedy: 'set the option "path", or give --data-dir',
    });
  const subfolder = resolvePath('text', context);
  return (await kindOf(subfolder)) === 'folder' ? subfolder : resolvePath('.', context);
}

/** Errors: RNNX_OPTION_CONFLICT where options exclude or need each other; no option is ignored. */
function checkConflicts(options: TextOptions): void {
  const { path, sha256, unit, eos } = options;
  const given = splitNames.filter((split) => options[split] !== null);
  if (given.length > 0 && given.length < splitNames.length)
    throw conflict(`only ${given.join(' and ')}`, '"train", "valid" and "test" together, or "path" for one file');
  if (given.length > 0 && path !== null) throw conflict('"path" and "train"', 'either of them');

  const fractions = (['validFraction', 'testFraction'] as const).filter((option) => options[option] !== null);
  if (given.length > 0 && fractions.length > 0)
    throw conflict(`a file for each split, and "${fractions[0]}"`, 'fractions only where one file is split');
  const held = (options.validFraction ?? defaultFraction) + (options.testFraction ?? defaultFraction);
  if (held >= 1) throw conflict(`validFraction + testFraction = ${held}`, 'less than 1, so that train has a share');

  const unused = Object.keys(sha256).find((key) => (given.length > 0 ? key === 'path' : key !== 'path'));
  if (unused !== undefined) throw conflict(`a checksum for "${unused}"`, 'checksums of the options that name files');
  if (unit === 'character' && eos === true)
    throw conflict('unit "character" and eos true', 'eos with words; the newline is a character of its own');
}

function conflict(got: string, expected: string): RnnxError {
  return new RnnxError('RNNX_OPTION_CONFLICT', 'Options of the data set "text" do not go together', {
    got,
    expected,
    remedy: 'remove one of them',
  });
}
