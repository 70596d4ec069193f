import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RnnxError } from '@rnnx/core';
import { usage } from '../config/set.js';
import { builtinPlugins } from '../discovery/builtin.js';
import type { TemplateKind } from './options.js';

export interface CreatePluginOptions {
  readonly kind: TemplateKind;
  /** Folder of the package; default: `rnnx-plugin-NAME` here. */
  readonly out?: string;
}

const templates = fileURLToPath(new URL('../../templates', import.meta.url));

/** Not under their own name in the templates: npm would obey it when it packs them, instead of packing it. */
const renamed: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

const kindLabels: Readonly<Record<TemplateKind, string>> = {
  regularizer: 'regularizer',
  cell: 'cell',
  noise: 'noise distribution',
  dataset: 'data set',
};

const namePattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const packagePrefix = 'rnnx-plugin-';
/** A package's name has 214 characters at most. */
const longestName = 214 - packagePrefix.length;

/**
 * `rnnx create-plugin NAME`: a package with a small technique that works, its test and its page.
 *
 * Errors: RNNX_USAGE for a name that cannot be one, RNNX_PLUGIN_DUPLICATE for that of a plugin that comes with rnnx,
 * RNNX_FOLDER_EXISTS, RNNX_FOLDER_UNWRITABLE.
 */
export async function createPlugin(name: string, { kind, out }: CreatePluginOptions): Promise<number> {
  checkName(name, kind);
  const folder = resolve(out ?? packagePrefix + name);
  await makeEmptyFolder(folder);
  const files = new Map([...(await filesOf('common')), ...(await filesOf(kind))]);
  for (const [path, text] of files)
    await writing(folder, async () => {
      const target = join(folder, fill(path, name, kind));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, fill(text, name, kind), { flag: 'wx' });
    });
  const shown = relative(process.cwd(), folder) || '.';
  process.stdout.write(
    `${shown}: a ${kindLabels[kind]} that works, to be made into yours\n\n` +
      [...files.keys()].map((path) => `  ${fill(path, name, kind)}\n`).join('') +
      `\nnext:${shown === '.' ? '' : ` cd ${shown} &&`} npm install && npm test\n`,
  );
  return 0;
}

function checkName(name: string, kind: TemplateKind): void {
  const bare = name.replace(packagePrefix, '');
  if (!namePattern.test(name) || name.length > longestName)
    throw usage(
      'A plugin cannot have that name',
      JSON.stringify(name),
      `lower case, digits and hyphens, such as "uniform-noise"; at most ${longestName} characters`,
    );
  if (bare !== name)
    throw usage(
      'The name of a plugin is that of its technique',
      name,
      `the name without ${packagePrefix}, which the package gets in any case`,
      namePattern.test(bare) ? `rnnx create-plugin ${bare} --kind ${kind}` : 'choose a name',
    );
  for (const { origin, plugins } of builtinPlugins())
    if (plugins.some((plugin) => plugin.kind === kind && plugin.name === name))
      throw new RnnxError('RNNX_PLUGIN_DUPLICATE', `There is already a ${kind} called "${name}"`, {
        got: `the name of a plugin of ${origin.from}`,
        expected: 'a name of its own, since neither could be chosen when both are loaded',
        remedy: 'choose another name',
      });
}

async function makeEmptyFolder(folder: string): Promise<void> {
  const there = await writing(folder, async () => {
    await mkdir(folder, { recursive: true });
    return readdir(folder);
  });
  if (there.length > 0)
    throw new RnnxError('RNNX_FOLDER_EXISTS', `The folder ${folder} is not empty`, {
      got: there.slice(0, 5).join(', '),
      expected: 'a new or empty folder; nothing is overwritten',
      remedy: 'choose another folder with --out, or another name',
    });
}

async function writing<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new RnnxError('RNNX_FOLDER_UNWRITABLE', `Cannot write ${folder}`, {
      got: (cause as Error).message,
      expected: 'a folder that can be written, with space left',
      remedy: 'choose another place with --out',
      cause,
    });
  }
}

/** Files of a template: text by path. */
async function filesOf(template: string): Promise<[path: string, text: string][]> {
  const root = join(templates, template);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    paths.sort().map(async (path): Promise<[string, string]> => {
      const inside = relative(root, path);
      return [renamed[inside] ?? inside, await readFile(path, 'utf8')];
    }),
  );
}

/** The templates are packages themselves, of a plugin "my-technique" that is a "my-kind". */
function fill(text: string, name: string, kind: TemplateKind): string {
  return text.replace(/my-technique|my-kind/g, (found) => (found === 'my-technique' ? name : kindLabels[kind]));
}
