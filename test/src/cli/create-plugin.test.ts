import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { discover } from 'rnnx';
import { createPlugin } from '../../../cli/dist/commands/create-plugin.js';
import { optionsTable } from '../checks/plugin-table.js';
import { manifest, root } from '../checks/repository.js';
import { execute, installOutside, makeOutside } from '../support/outside.js';
import { failureOf, rnnx, temporaryFolder } from './helpers.js';

const kinds = ['regularizer', 'cell', 'noise', 'dataset'] as const;

/** What makes an epoch two minibatches of 10 streams by 20 steps. */
const twoSteps: Record<(typeof kinds)[number], readonly string[]> = {
  regularizer: ['dataset.trainTokens=400', 'dataset.validTokens=100', 'dataset.testTokens=100'],
  cell: ['dataset.trainTokens=400', 'dataset.validTokens=100', 'dataset.testTokens=100'],
  noise: ['dataset.trainTokens=400', 'dataset.validTokens=100', 'dataset.testTokens=100'],
  dataset: ['dataset.trainStrings=45', 'dataset.validStrings=10', 'dataset.testStrings=10'],
};
const small = ['training.epochs=1', 'training.batchSize=10', 'training.bptt=20', 'training.reportEvery=1'];

describe('rnnx create-plugin, outside the repository', () => {
  let folder = '';
  let obstacle: string | undefined;

  before(async function () {
    this.timeout(300_000);
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'rnnx-outside-')));
    await makeOutside(folder);
    for (const kind of kinds) {
      const { code, stdout, stderr } = await rnnx(folder, ['create-plugin', `first-${kind}`, '--kind', kind]);
      expect(code, stderr).to.equal(0);
      expect(stdout).to.include(`next: cd rnnx-plugin-first-${kind} && npm install && npm test`);
    }
    obstacle = await installOutside(folder);
    if (obstacle !== undefined) process.stderr.write(`\nNOT TESTED: packages of create-plugin: ${obstacle}\n`);
  });
  beforeEach(function () {
    if (obstacle !== undefined) this.skip();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('takes rnnx from the packed packages, not from the repository', () => {
    const ours = join(folder, 'node_modules', '@rnnx');
    expect(readdirSync(ours).sort()).to.deep.equal(['backends', 'contract-kit', 'core']);
    for (const name of readdirSync(ours))
      expect(realpathSync(join(ours, name)).startsWith(folder), name).to.equal(true);
    expect(readdirSync(join(ours, 'contract-kit', 'dist'))).to.deep.equal(['kit']);
  });

  for (const kind of kinds) {
    const name = `first-${kind}`;

    it(`makes a ${kind} that compiles, passes its contract and trains`, async function () {
      this.timeout(120_000);
      const plugin = join(folder, `rnnx-plugin-${name}`);
      const tested = await execute('npm', ['test'], plugin);
      expect(tested.code, tested.output).to.equal(0);
      expect(tested.output)
        .to.match(/\d\d passing/)
        .and.to.include(`${kind} "${name}"`);
      expect(tested.output).not.to.match(/\d (failing|pending)/);

      const readme = readFileSync(join(plugin, 'README.md'), 'utf8');
      writeFileSync(join(folder, `${kind}.json`), /```json\n([^`]*)```/.exec(readme)![1]!);
      const sets = [...small, ...twoSteps[kind], 'model.hiddenSize=8'].flatMap((set) => ['--set', set]);
      const run = ['run', '--config', `${kind}.json`, '--backend', 'cpu', '--out', `runs/${kind}`, '--json', ...sets];
      const { code, stdout, stderr } = await rnnx(folder, run);
      expect(code, stderr).to.equal(0);
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string });
      expect(events.filter(({ type }) => type === 'step')).to.have.length(2);
      const used = JSON.parse(readFileSync(join(folder, 'runs', kind, 'base-seed-1', 'config.json'), 'utf8'));
      expect(JSON.stringify(used), 'the plugin is part of what ran').to.include(`"name":"${name}"`);
    });
  }
});

describe('rnnx create-plugin', () => {
  const folder = temporaryFolder();
  const create = (...args: string[]) => rnnx(folder.path, ['create-plugin', ...args]);

  it('writes into the folder that is named, if it is empty, and leaves no placeholder', async () => {
    mkdirSync(join(folder.path, 'deep'));
    const { code, stdout } = await create('my-kind', '--kind', 'noise', '--out', 'deep');
    expect(code).to.equal(0);
    expect(stdout).to.include('next: cd deep && npm install');
    const files = readdirSync(join(folder.path, 'deep'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.path.length + 1));
    expect(files.sort()).to.deep.equal(
      ['.gitignore', 'README.md', 'package.json', 'src/my-kind.ts', 'test/my-kind.test.ts', 'tsconfig.json'].map(
        (file) => join('deep', file),
      ),
    );
    for (const file of files) expect(readFileSync(join(folder.path, file), 'utf8')).not.to.include('my-technique');
    expect(JSON.parse(readFileSync(join(folder.path, 'deep', 'package.json'), 'utf8'))).to.include({
      name: 'rnnx-plugin-my-kind',
      description: 'my-kind: a noise distribution for rnnx',
    });
  });

  it('refuses with exit code 2 what the command line gets wrong', async () => {
    const refusals: readonly (readonly [args: readonly string[], says: string])[] = [
      [['gaussian', '--kind', 'noise'], 'RNNX_PLUGIN_DUPLICATE'],
      [['My', '--kind', 'noise'], 'RNNX_USAGE'],
      [['mine', '--kind', 'backend'], 'Allowed choices are regularizer, cell, noise, dataset'],
      [['mine'], '--kind'],
      [['--kind', 'noise'], "missing required argument 'name'"],
    ];
    for (const [args, says] of refusals) {
      const { code, stderr } = await create(...args);
      expect(code, args.join(' ')).to.equal(2);
      expect(stderr).to.include(says);
    }
    expect(readdirSync(folder.path)).to.deep.equal([]);
  });

  const names: readonly (readonly [name: string, code: string, says: string])[] = [
    ['MyNoise', 'RNNX_USAGE', 'lower case, digits and hyphens'],
    ['my_noise', 'RNNX_USAGE', '"my_noise"'],
    ['../noise', 'RNNX_USAGE', '"../noise"'],
    ['2-noise', 'RNNX_USAGE', '"2-noise"'],
    ['my--noise', 'RNNX_USAGE', '"my--noise"'],
    ['', 'RNNX_USAGE', '""'],
    ['a'.repeat(203), 'RNNX_USAGE', 'at most 202 characters'],
    ['rnnx-plugin-mine', 'RNNX_USAGE', 'rnnx create-plugin mine --kind noise'],
    ['rnnx-plugin-', 'RNNX_USAGE', '"rnnx-plugin-"'],
    ['gaussian', 'RNNX_PLUGIN_DUPLICATE', '@rnnx/distributions'],
  ];
  for (const [name, code, says] of names)
    it(`refuses the name ${JSON.stringify(name.slice(0, 20))}: ${code}`, async () => {
      const error = await failureOf(() => createPlugin(name, { kind: 'noise', out: join(folder.path, 'new') }));
      expect(error.code).to.equal(code);
      expect(error.message).to.include(says).and.to.include('to do:');
      expect(readdirSync(folder.path)).to.deep.equal([]);
    });

  it('refuses a folder that holds something, and touches nothing', async () => {
    writeFileSync(join(folder.path, 'notes.txt'), 'mine');
    const error = await failureOf(() => createPlugin('mine', { kind: 'cell', out: folder.path }));
    expect(error.code).to.equal('RNNX_FOLDER_EXISTS');
    expect(error.message).to.include('notes.txt').and.to.include('--out');
    expect(readdirSync(folder.path)).to.deep.equal(['notes.txt']);
  });

  it('refuses a folder that cannot be made', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    const out = join(folder.path, 'file', 'inside');
    const error = await failureOf(() => createPlugin('mine', { kind: 'cell', out }));
    expect(error.code).to.equal('RNNX_FOLDER_UNWRITABLE');
    expect(error.message).to.include('ENOTDIR').and.to.include('--out');
  });
});

describe('templates of plugins', () => {
  const template = (kind: string) => manifest(`cli/templates/${kind}`);

  it('ask for the versions that rnnx itself is built and tested with', () => {
    const ours = [manifest('.'), manifest('core'), manifest('test')];
    for (const folder of ['common', 'dataset'])
      for (const [name, range] of Object.entries(template(folder).devDependencies!)) {
        const known = ours.flatMap(({ dependencies, devDependencies }) => {
          const version = { ...dependencies, ...devDependencies }[name];
          return version === undefined ? [] : [version.replace(/^(?=\d)/, name === 'typescript' ? '^' : '')];
        });
        const expected = name.startsWith('@rnnx/') ? [`^${manifest('core').version}`] : [...new Set(known)];
        expect(expected, `${folder}: ${name}`).to.deep.equal([range]);
      }
  });

  it('have pages that say what their schemas say', async () => {
    for (const kind of kinds) {
      const { registry } = await discover([`./${kind}/src/my-technique.ts`], `${root}cli/templates`);
      const table = optionsTable(registry.get(kind, 'my-technique'));
      expect(readFileSync(`${root}cli/templates/${kind}/README.md`, 'utf8'), kind).to.include(table);
    }
  });

  it('name the version of the core', () => {
    for (const kind of kinds)
      expect(readFileSync(`${root}cli/templates/${kind}/src/my-technique.ts`, 'utf8')).to.include(
        `core: '^${manifest('core').version}'`,
      );
  });

  it('are short enough to be read at once', () => {
    for (const kind of kinds)
      expect(readFileSync(`${root}cli/templates/${kind}/src/my-technique.ts`, 'utf8').split('\n').length).to.be.at.most(
        150,
      );
  });
});
