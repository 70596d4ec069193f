import { join } from 'node:path';
import { type LoadContext, RnnxError, type SplitName } from '@rnnx/core';
import { splitNames } from './corpus.js';
import { cachedText } from './download.js';
import { kindOf, readText, type TextFile } from './files.js';
import { fromFiles, type Sources, urlKey } from './sources.js';

export interface PublishedFile {
  readonly name: string;
  readonly sha256: string;
  /** Name at the source, where it is another. */
  readonly remote?: string;
}

/** A corpus that is published as one text file a split. */
export interface PublishedCorpus {
  /** Subfolder of the data folder and of the cache. */
  readonly name: string;
  /** For messages. */
  readonly title: string;
  readonly files: Readonly<Record<SplitName, PublishedFile>>;
}

export interface PublishedOptions {
  readonly verify: boolean;
  readonly source: string;
}

/** Schema of the two options that every published data set has. */
export function publishedSchema(what: string, source: string) {
  return {
    verify: {
      description: 'refuse files whose SHA-256 is not that of the published ones',
      type: 'boolean',
      default: true,
    },
    source: {
      description: `folder URL that ${what} downloaded from`,
      type: 'string',
      pattern: '^https?://.*/$',
      default: source,
    },
  };
}

export const unverifiedRemedy =
  'replace the file by the published one, or set the option "verify" to false to use it as it is';

/**
 * Folders to look for local copies in: the data folder and its subfolders of the given names; none without data folder.
 *
 * Errors: RNNX_DATA_MISSING where the data folder itself is not there.
 */
export async function localFolders(context: LoadContext, ...subfolders: readonly string[]): Promise<string[]> {
  const { dataDir } = context;
  if (dataDir === undefined) return [];
  const kind = await kindOf(dataDir);
  if (kind !== 'folder')
    throw new RnnxError('RNNX_DATA_MISSING', `The data folder ${dataDir} is not there`, {
      got: kind,
      expected: 'a folder',
      remedy: 'correct --data-dir, or leave it out to download',
    });
  return [dataDir, ...subfolders.map((folder) => join(dataDir, folder))];
}

/**
 * The corpus from the data folder, if that has it. Some files without the others are an error: splits must not be mixed.
 *
 * Errors: RNNX_DATA_MISSING, RNNX_DATA_CHECKSUM, RNNX_DATA_ENCODING.
 */
export async function localCorpus(
  corpus: PublishedCorpus,
  verify: boolean,
  context: LoadContext,
): Promise<Sources | undefined> {
  for (const folder of await localFolders(context, corpus.name)) {
    const paths = splitNames.map((split) => join(folder, corpus.files[split].name));
    const present = await Promise.all(paths.map(async (path) => (await kindOf(path)) === 'file'));
    if (!present.includes(true)) continue;
    if (present.includes(false))
      throw new RnnxError('RNNX_DATA_MISSING', `${folder} has only a part of ${corpus.title}`, {
        got: `no ${paths[present.indexOf(false)]}`,
        expected: fileNames(corpus),
        remedy: 'add the file, or give another --data-dir',
      });
    return gather(async (split) => {
      const path = join(folder, corpus.files[split].name);
      return [path, await readText(path, verify ? corpus.files[split].sha256 : undefined, unverifiedRemedy)];
    }, context);
  }
  return undefined;
}

/** The corpus from the cache, downloaded where it is not there yet. Errors: as `cachedText`. */
export function cachedCorpus(
  corpus: PublishedCorpus,
  { verify, source }: PublishedOptions,
  context: LoadContext,
): Promise<Sources> {
  const folder = cacheFolder(corpus.name, { verify, source }, context);
  const { dataDir } = context;
  const looked = [...(dataDir ? [dataDir, join(dataDir, corpus.name)] : []), folder].join(', ');
  const byHand = `put ${fileNames(corpus)} into a folder and give it as --data-dir (looked in: ${looked})`;
  return gather(async (split) => {
    const { name, sha256, remote } = corpus.files[split];
    const url = new URL(remote ?? name, source).href;
    const request = { url, target: join(folder, name), label: name, byHand, ...(verify && { sha256 }) };
    return [url, await cachedText(request, context)];
  }, context);
}

/** Unverified files of one source must not pass for those of another. */
export function cacheFolder(name: string, { verify, source }: PublishedOptions, context: LoadContext): string {
  return join(context.cacheDir, verify ? name : `${name}-${urlKey(source)}`);
}

function fileNames(corpus: PublishedCorpus): string {
  return splitNames.map((split) => corpus.files[split].name).join(', ');
}

async function gather(
  read: (split: SplitName) => Promise<readonly [location: string, file: TextFile]>,
  context: LoadContext,
): Promise<Sources> {
  const files: Partial<Record<SplitName, TextFile>> = {};
  const locations: Partial<Record<SplitName, string>> = {};
  for (const split of splitNames) {
    [locations[split], files[split]] = await read(split);
    context.signal?.throwIfAborted();
  }
  return fromFiles(files as Record<SplitName, TextFile>, locations as Record<SplitName, string>);
}
