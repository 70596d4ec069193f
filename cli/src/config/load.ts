import { dirname, extname, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { isPlainObject, RnnxError } from '@rnnx/core';
import { cosmiconfig, defaultLoaders, type Loader } from 'cosmiconfig';
import { hostLoader } from '../discovery/host-modules.js';
import { jsonErrorAt, type Mark } from './json-position.js';

export interface LoadedConfig {
  readonly path: string;
  /** Folder of the file: plugins resolve from it. */
  readonly folder: string;
  /** As written; not validated. */
  readonly config: Readonly<Record<string, unknown>>;
}

const searchPlaces = [
  'rnnx.config.ts',
  'rnnx.config.js',
  'rnnx.config.mjs',
  'rnnx.config.json',
  'rnnx.config.yaml',
  'rnnx.config.yml',
  'package.json',
];

const loadModule: Loader = async (path) => {
  const rnnx = await import('../index.js');
  return hostLoader(dirname(path), { rnnx }).import(path, { default: true });
};

const loadJson: Loader = (_path, content) => {
  const text = withoutMark(content);
  try {
    return text.trim() === '' ? undefined : JSON.parse(text);
  } catch (error) {
    throw Object.assign(error as Error, { mark: jsonErrorAt(text) });
  }
};

const loadYaml: Loader = (path, content) => defaultLoaders['.yaml'](path, withoutMark(content));

/** Some editors begin a file with a byte order mark, which no parser takes. */
function withoutMark(content: string): string {
  return content.replace(/^\uFEFF/, '');
}

const extensions = ['.ts', '.mts', '.js', '.mjs', '.json', '.yaml', '.yml'];
const formats = 'a file .ts, .js, .mjs, .json or .yaml with a configuration';

function explorer() {
  return cosmiconfig('rnnx', {
    searchPlaces,
    searchStrategy: 'project',
    loaders: {
      '.ts': loadModule,
      '.mts': loadModule,
      '.js': loadModule,
      '.mjs': loadModule,
      '.json': loadJson,
      '.yaml': loadYaml,
      '.yml': loadYaml,
    },
  });
}

/**
 * The configuration file of a folder (searched up to the package's root), or `undefined`.
 *
 * Errors: RNNX_CONFIG_UNREADABLE.
 */
export async function findConfig(cwd: string): Promise<LoadedConfig | undefined> {
  const found = await readable(cwd, () => explorer().search(cwd));
  return found === null ? undefined : toLoaded(found.filepath, found.config);
}

/** Errors: RNNX_CONFIG_UNREADABLE. */
export async function loadConfig(file: string, cwd: string): Promise<LoadedConfig> {
  const path = resolve(cwd, file);
  if (!extensions.includes(extname(path)))
    throw new RnnxError('RNNX_CONFIG_UNREADABLE', `Cannot read ${path}`, {
      got: extname(path) === '' ? 'a name without an extension' : `a file ${extname(path)}`,
      expected: formats,
      remedy: 'name a file of such a format: its extension says how it is read',
    });
  const found = await readable(path, () => explorer().load(path));
  return toLoaded(path, found?.config);
}

function toLoaded(path: string, config: unknown): LoadedConfig {
  if (!isPlainObject(config))
    throw new RnnxError('RNNX_CONFIG_UNREADABLE', `${path} holds no configuration`, {
      got: config === undefined || config === null ? 'nothing' : Array.isArray(config) ? 'an array' : typeof config,
      expected: 'an object; in a module, as its default export',
      remedy: 'write at least a data set: { "dataset": "grammar" }',
    });
  return { path, folder: dirname(path), config };
}

async function readable<T>(path: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException & { filepath?: string };
    const missing = error.code === 'ENOENT' || error.code === 'EISDIR';
    throw new RnnxError('RNNX_CONFIG_UNREADABLE', `Cannot read ${error.filepath ?? path}${position(error)}`, {
      got: missing ? (error.code === 'ENOENT' ? 'no such file' : 'a folder') : firstLines(error.message),
      expected: formats,
      remedy: missing ? 'correct the path' : 'mend the file at that place',
      cause,
    });
  }
}

/** `:line:column`, from what the parser of each format tells. */
function position(error: Error & { mark?: Mark }): string {
  if (error.mark !== undefined) return `:${error.mark.line + 1}:${error.mark.column + 1}`;
  const place = /\.[cm]?[jt]s:(\d+):(\d+)/.exec(error.message); // not the stack: its places are those of compiled code
  return place === null ? '' : `:${place[1]}:${place[2]}`;
}

function firstLines(message: string): string {
  const lines = stripVTControlCharacters(message)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^YAML Error in /.test(line));
  return lines[0] ?? 'an unreadable file';
}
