import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { coreVersion, errorCodes } from '@rnnx/core';
import { expect } from 'chai';
import { type DocumentedPlugin, documentedPlugins, renew, section, sectionOf } from './plugin-table.js';
import { presetSections } from './preset-table.js';
import { manifest, pluginFolders, read, root, trackedFiles } from './repository.js';

const pages = readdirSync(`${root}docs`)
  .filter((file) => file.endsWith('.md'))
  .map((file) => `docs/${file}`);
const prose = ['README.md', 'CONTRIBUTING.md', ...pages];

describe('docs/errors.md', () => {
  const entries = read('docs/errors.md').split(/^## /m).slice(1);
  const byCode = new Map(entries.map((entry) => [entry.split('\n', 1)[0]!.trim(), entry]));

  it('explains every error code, and no other', () => {
    expect([...byCode.keys()].sort()).to.deep.equal(Object.keys(errorCodes).sort());
    expect(entries, 'each once').to.have.length(byCode.size);
  });

  for (const [code, meaning] of Object.entries(errorCodes))
    it(`${code}: meaning, cause, what to do`, () => {
      const entry = byCode.get(code) ?? '';
      expect(entry).to.include(`${meaning}.`);
      expect(entry).to.match(/^- Cause: \S.{10}/m);
      expect(entry).to.match(/^- To do: \S.{10}/m);
    });
});

describe('documentation', () => {
  it('has no dead relative link', () => {
    const dead: string[] = [];
    for (const page of prose)
      for (const [, target] of read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)) {
        const [path, anchor] = target!.split('#') as [string, string?];
        const file = path === '' ? page : join(dirname(page), path);
        if (!existsSync(root + file)) dead.push(`${page}: ${target}`);
        else if (anchor !== undefined && file.endsWith('.md') && !anchors(read(file)).has(anchor))
          dead.push(`${page}: ${target}`);
      }
    expect(dead).to.deep.equal([]);
  });

  describe('generated tables', () => {
    let plugins: DocumentedPlugin[];
    before(async () => {
      plugins = await documentedPlugins();
    });

    it('are those that `npm run docs` writes', () => {
      expect(section(read('README.md'), 'plugins'), 'markers in README.md').to.be.a('string');
      for (const page of prose) expect(renew(read(page), plugins), `${page}: run npm run docs`).to.equal(read(page));
    });

    it('are complete: the options of every plugin stand on a page', () => {
      const missing = plugins.filter(({ plugin }) =>
        pages.every((page) => section(read(page), sectionOf(plugin)) === undefined),
      );
      expect(missing.map(({ plugin }) => sectionOf(plugin))).to.deep.equal([]);
    });

    it('are complete: every table of published numbers, and what was chosen for its paper', () => {
      const page = read('docs/presets.md');
      expect(presetSections().filter((name) => section(page, name) === undefined)).to.deep.equal([]);
    });

    it('would be seen to be stale', () => {
      const page = read('README.md');
      const first = plugins[0]!.plugin.summary;
      expect(renew(page.replace(first, 'something else'), plugins)).to.equal(page);
      expect(() => renew('<!-- options/cell/x:start -->\n\n<!-- options/cell/x:end -->', plugins)).to.throw('cell/x');
    });
  });
});

describe('repository', () => {
  const sources = trackedFiles().filter((path) => /\.(ts|js|cjs|mjs|py|cc|cpp|h|hpp)$/.test(path));

  it('has one version, that of the core', () => {
    expect(coreVersion).to.equal(manifest('core').version);
    for (const folder of ['.', 'presets', 'cli', 'test', ...pluginFolders()])
      expect(manifest(folder).version, folder).to.equal(coreVersion);
  });

  it('keeps every source file below 400 lines', () => {
    const long = sources.filter((path) => read(path).split('\n').length > 400);
    expect(long).to.deep.equal([]);
  });

  it('names no path of the machine it was written on and no package registry', () => {
    // Written in two parts, so that this file does not name them.
    const places = ['/wor' + 'k/', '/home' + '/', '/roo' + 't/', '/tmp' + '/bash'];
    const registries = ['registry' + '.npmjs', 'registry' + '.yarnpkg', 'artifact' + 'ory', 'npm' + '.pkg'];
    const found = trackedFiles()
      .filter((path) => !/\.(png|gz|safetensors|wasm)$/.test(path))
      .flatMap((path) => {
        const text = read(path);
        return [...places, ...registries].filter((word) => text.includes(word)).map((word) => `${path}: ${word}`);
      });
    expect(found).to.deep.equal([]);
  });
});

/** Anchors of a page's headings, as GitHub makes them. */
function anchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}
