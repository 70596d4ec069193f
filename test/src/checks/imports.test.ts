import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { manifest, pluginFolders, root } from './repository.js';

interface Case {
  readonly file: string;
  readonly specifier: string;
  readonly refused: boolean;
}

const cases = (folder: string, refused: readonly string[], allowed: readonly string[]): Case[] =>
  [
    ...refused.map((specifier) => ({ specifier, refused: true })),
    ...allowed.map((specifier) => ({ specifier, refused: false })),
  ].map((entry, i) => ({ ...entry, file: `${folder}/case-${i}.ts` }));

const all: readonly Case[] = [
  ...cases(
    'core/src/model',
    [
      '@rnnx/noisin',
      '@rnnx/noisin/dist/noisin.js',
      '@rnnx/presets',
      '@rnnx/core',
      'rnnx',
      'node:fs',
      'fs',
      'node:process',
      '../../../plugins/noisin/src/noisin.js',
      '../../../presets/src/index.js',
      '../../../cli/src/main.js',
      '../../../test/src/index.js',
    ],
    ['@tensorflow/tfjs', 'ajv', '../contracts/plugin.js', './model.js'],
  ),
  ...cases(
    'plugins/dropout/src',
    [
      '@rnnx/noisin',
      '@rnnx/presets',
      '@rnnx/core/dist/registry.js',
      '@rnnx/contract-kit',
      'rnnx',
      'rnnx/dist/main.js',
      '../../noisin/src/noisin.js',
      '../../../core/src/registry.js',
      '../../../cli/src/main.js',
    ],
    ['@rnnx/core', '@tensorflow/tfjs', 'node:fs', './dropout.js', './kernels/cpu.js'],
  ),
  ...cases(
    'plugins/backends/src/kernels',
    ['@rnnx/noisin', '../../../noisin/src/noisin.js', '../../../../core/src/registry.js'],
    ['@rnnx/core', '../start.js', './cpu.js'],
  ),
  ...cases(
    'presets/src',
    [
      '@rnnx/noisin',
      '@rnnx/core/dist/registry.js',
      'rnnx',
      '../../plugins/noisin/src/noisin.js',
      '../../cli/src/main.js',
    ],
    ['@rnnx/core', './preset.js'],
  ),
  ...cases(
    'cli/src/commands',
    [
      '@rnnx/contract-kit',
      '@rnnx/core/dist/registry.js',
      '../../../core/src/registry.js',
      '../../../plugins/noisin/src/noisin.js',
      '../../../presets/src/index.js',
      '../../../test/src/index.js',
    ],
    ['@rnnx/core', '@rnnx/noisin', '@rnnx/presets', 'node:fs', '../config/presets.js', '../main.js'],
  ),
];

/** Files in which the linter, under this repository's rules, sees an import that must not be. */
function refusedFiles(files: readonly Case[]): Set<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rnnx-imports-'));
  try {
    copyFileSync(`${root}biome.json`, join(folder, 'biome.json'));
    for (const { file, specifier } of files) {
      mkdirSync(join(folder, dirname(file)), { recursive: true });
      writeFileSync(join(folder, file), `export * from '${specifier}';\n`);
    }
    const biome = `${root}node_modules/@biomejs/biome/bin/biome`;
    const { stdout } = spawnSync(process.execPath, [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '.'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const report = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: unknown } }[] };
    const found = report.diagnostics.filter(({ category }) => /noRestrictedImports|noNodejsModules/.test(category));
    return new Set(found.map(({ location }) => pathOf(location.path)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function pathOf(path: unknown): string {
  return typeof path === 'string' ? path : (path as { file: string }).file;
}

describe('imports point one way: cli -> presets -> core <- plugins', () => {
  const refused = refusedFiles(all);

  for (const { file, specifier, refused: expected } of all)
    it(`${dirname(file)} ${expected ? 'may not' : 'may'} import ${specifier}`, () => {
      expect(refused.has(file)).to.equal(expected);
    });

  const ours = (folder: string) => {
    const { dependencies, peerDependencies } = manifest(folder);
    const names = Object.keys({ ...dependencies, ...peerDependencies });
    return names.filter((name) => name === 'rnnx' || name.startsWith('@rnnx/'));
  };

  it('the dependencies of the packages point the same way', () => {
    expect(ours('core')).to.deep.equal([]);
    expect(ours('presets')).to.deep.equal(['@rnnx/core']);
    expect(ours('cli')).to.include('@rnnx/core').and.not.include('@rnnx/contract-kit');
    for (const folder of pluginFolders()) expect(ours(folder), folder).to.deep.equal(['@rnnx/core']);
  });

  it('a plugin takes the core as its peer: one core a program', () => {
    for (const folder of pluginFolders()) expect(manifest(folder).peerDependencies, folder).to.have.key('@rnnx/core');
  });
});
