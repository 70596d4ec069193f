import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AnyPlugin, didYouMean, RnnxError } from '@rnnx/core';
import type { FoundPlugins } from './builtin.js';
import { hostLoader } from './host-modules.js';

const prefix = 'rnnx-plugin-';

/**
 * Plugins that a configuration names:
 *
 * - a path of a file or folder (`./my-noise.ts`, `../plugins`)
 * - a package (`rnnx-plugin-x`, `@someone/rnnx-plugin-x`)
 * - its short name (`x`), for `rnnx-plugin-x` or an installed `@<anyone>/rnnx-plugin-x`
 *
 * The module's default export is a plugin or an array of plugins.
 *
 * Errors: RNNX_PLUGIN_UNREADABLE.
 *
 * @param folder from which they resolve: that of the configuration file
 */
export async function loadPlugins(spec: string, folder: string): Promise<FoundPlugins> {
  const entry = isPath(spec) ? findFile(spec, folder) : findPackage(spec, folder);
  let exported: unknown;
  try {
    exported = await hostLoader(folder).import(entry.file, { default: true });
  } catch (cause) {
    throw unreadable(`Plugin "${spec}" fails when it is loaded`, {
      got: cause instanceof Error ? cause.message : String(cause),
      expected: `a module that loads: ${entry.file}`,
      remedy: 'mend the module, or remove it from "plugins"',
      cause,
    });
  }
  return { origin: { from: spec, version: entry.version }, plugins: asPlugins(spec, exported) };
}

function asPlugins(spec: string, exported: unknown): readonly AnyPlugin[] {
  const list = Array.isArray(exported) ? exported : [exported];
  const isPlugin = (value: unknown) => typeof value === 'object' && value !== null && 'kind' in value;
  if (list.length > 0 && list.every(isPlugin)) return list as AnyPlugin[];
  throw unreadable(`Plugin "${spec}" exports no plugin`, {
    got: exported === undefined ? 'no default export' : `a default export of type ${typeof exported}`,
    expected: 'a default export made by definePlugin, or an array of them',
    remedy: 'export the plugin as default',
  });
}

interface Entry {
  readonly file: string;
  readonly version: string | null;
}

function isPath(spec: string): boolean {
  return /^\.{1,2}([\\/]|$)/.test(spec) || isAbsolute(spec) || spec.startsWith('file:');
}

const extensions = ['.ts', '.mts', '.js', '.mjs', '.cjs'];

function findFile(spec: string, folder: string): Entry {
  const path = spec.startsWith('file:') ? fileURLToPath(spec) : resolve(folder, spec);
  if (existsSync(path) && statSync(path).isDirectory()) {
    const manifest = join(path, 'package.json');
    const entries = [...(existsSync(manifest) ? mainOf(manifest) : []), ...extensions.map((end) => `index${end}`)];
    const file = entries.map((entry) => join(path, entry)).find(existsSync);
    if (file !== undefined) return { file, version: versionOf(manifest) };
    throw unreadable(`Plugin folder ${path} has no entry`, {
      got: readdirSync(path).slice(0, 8).join(', ') || 'an empty folder',
      expected: 'index.ts, index.js or a package.json with "main" or "exports"',
      remedy: 'name the file itself in "plugins"',
    });
  }
  const file = [path, ...extensions.map((end) => path + end)].find(existsSync);
  if (file !== undefined) return { file, version: null };
  const neighbours = existsSync(dirname(path)) ? readdirSync(dirname(path)) : [];
  const base = path.slice(dirname(path).length + 1);
  throw unreadable(`Plugin file ${path} does not exist`, {
    got: spec,
    expected: 'a file or folder, relative to the configuration file',
    remedy: `correct the path.${didYouMean(base, neighbours)}`,
  });
}

function findPackage(spec: string, folder: string): Entry {
  const roots = modulesFolders(folder);
  const installed = roots.flatMap(pluginPackages);
  const isShort = !spec.startsWith('@') && !spec.includes('/') && !spec.startsWith(prefix);
  const candidates = [
    ...(isShort ? [prefix + spec, ...installed.filter((name) => name.endsWith(`/${prefix}${spec}`))] : []),
    spec,
  ];
  const loader = hostLoader(folder);
  for (const name of candidates) {
    const location = loader.esmResolve(name, { try: true });
    if (location === undefined || !location.startsWith('file:')) continue;
    const root = roots.map((modules) => join(modules, name)).find(existsSync);
    return { file: fileURLToPath(location), version: root ? versionOf(join(root, 'package.json')) : null };
  }
  const shortNames = installed.map((name) => name.slice(name.indexOf(prefix) + prefix.length));
  throw unreadable(`There is no plugin package "${spec}"`, {
    got: spec,
    expected:
      installed.length > 0 ? `an installed package: ${installed.join(', ')}` : `an installed package ${prefix}*`,
    remedy: `npm install it, or correct the name.${didYouMean(spec, [...installed, ...shortNames])}`,
  });
}

/** `node_modules` folders from here up. */
function modulesFolders(folder: string): string[] {
  const folders: string[] = [];
  for (let at = resolve(folder); ; at = dirname(at)) {
    folders.push(join(at, 'node_modules'));
    if (dirname(at) === at) return folders.filter(existsSync);
  }
}

/** Packages named `rnnx-plugin-*` or `@scope/rnnx-plugin-*`. */
function pluginPackages(modules: string): string[] {
  return readdirSync(modules).flatMap((name) => {
    if (name.startsWith(prefix)) return [name];
    if (!name.startsWith('@')) return [];
    const scoped = readdirSync(join(modules, name)).filter((inner) => inner.startsWith(prefix));
    return scoped.map((inner) => `${name}/${inner}`);
  });
}

function versionOf(manifest: string): string | null {
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string }).version ?? null;
  } catch {
    return null;
  }
}

/** Entries that a package.json names, best first. */
function mainOf(manifest: string): string[] {
  try {
    const { exports, main } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports?: unknown; main?: unknown };
    const root = typeof exports === 'object' && exports !== null && '.' in exports ? exports['.'] : exports;
    const conditions = typeof root === 'object' && root !== null ? Object.values(root) : [root];
    return [...conditions, main].filter((entry): entry is string => typeof entry === 'string');
  } catch {
    return [];
  }
}

function unreadable(summary: string, details: ConstructorParameters<typeof RnnxError>[2]): RnnxError {
  return new RnnxError('RNNX_PLUGIN_UNREADABLE', summary, details);
}
