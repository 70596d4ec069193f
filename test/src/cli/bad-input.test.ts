import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { useServer } from '../support/file-server.js';
import { rnnxHere, temporaryFolder, tiny } from './helpers.js';

const screen = 24;

/** Every file below a folder with its text. */
function textsOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, 'latin1')]));
}

describe('bad input', () => {
  const folder = temporaryFolder();
  const server = useServer();
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    writeFileSync(join(folder.path, name), text, 'latin1');
  };

  /** Runs it, and checks what holds for every refusal: one screen, no trace of the code, nothing on standard output. */
  async function refusal(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
    const { code, stdout, stderr } = await rnnxHere(folder.path, args);
    expect(stderr.split('\n').length, stderr).to.be.lessThan(screen);
    for (const line of stderr.split('\n')) expect(line.length, line).to.be.lessThan(400);
    expect(stderr).not.to.include('    at ');
    expect(stdout).to.equal('');
    return { code, stderr };
  }

  const usage: readonly (readonly [string, readonly string[], string, RegExp])[] = [
    ['an unknown command', ['rnu'], 'RNNX_USAGE', /Did you mean run\?/],
    ['an unknown option', ['run', '--sed', '3'], 'RNNX_USAGE', /Did you mean one of --seed, --set\?/],
    ['a seed that is none', ['run', '--seed', 'x'], 'RNNX_USAGE', /whole number/],
    ['an unknown split', ['eval', '.', '--split', 'dev'], 'RNNX_USAGE', /train, valid, test/],
    ['an unknown preset', ['run', '--preset', 'quickstar'], 'RNNX_PRESET_UNKNOWN', /Did you mean "quickstart"/],
    ['a paper for a preset', ['run', '--preset', 'noisin'], 'RNNX_PRESET_UNKNOWN', /rnnx describe noisin/],
    [
      'a setting of an unknown variant',
      ['run', '--preset', 'quickstart', '--set', 'variants.noisn.training.epochs=1'],
      'RNNX_USAGE',
      /Did you mean "noisin"/,
    ],
    [
      'an unknown regularizer',
      ['run', '--preset', 'quickstart', '--set', 'variants.noisin.regularizers=["noisn"]'],
      'RNNX_PLUGIN_UNKNOWN',
      /add the package that has it to "plugins"\. Did you mean "noisin"/,
    ],
    [
      'plugins that are no names',
      ['run', '--preset', 'quickstart', '--set', 'plugins=[1]'],
      'RNNX_CONFIG_INVALID',
      /\[1\]/,
    ],
    ['a negative temperature', ['generate', '.', '--temperature', '-1'], 'RNNX_USAGE', /number from 0 up/],
    ['a negative seed', ['run', '--preset', 'quickstart', '--seed', '-1'], 'RNNX_USAGE', /whole number from 0 up/],
    ['--resume with settings', ['run', '--resume', 'x', '--seed', '1'], 'RNNX_USAGE', /--resume together with --seed/],
    [
      'a setting that is none',
      ['run', '--preset', 'quickstart', '--set', 'training.epoch=1'],
      'RNNX_CONFIG_INVALID',
      /Did you mean "epochs"/,
    ],
    [
      'a rate out of range',
      ['run', '--preset', 'quickstart', '--set', 'variants.dropout.regularizers.0.output=1.5'],
      'RNNX_CONFIG_INVALID',
      /number >= 0 and < 1/,
    ],
    [
      'an unknown data set',
      ['run', '--preset', 'quickstart', '--set', 'dataset=gramar'],
      'RNNX_PLUGIN_UNKNOWN',
      /Did you mean "grammar"/,
    ],
    ['an unknown name', ['describe', 'noisn'], 'RNNX_USAGE', /Did you mean "noisin"/],
    [
      'eval of a setting that belongs to training',
      ['eval', '.', '--set', 'model.layers=2'],
      'RNNX_USAGE',
      /cannot change model/,
    ],
    ['a folder without a run', ['eval', '.'], 'RNNX_RUN_MISSING', /There is no run/],
  ];
  for (const [what, args, code, text] of usage)
    it(`is refused before anything is written: ${what}`, async () => {
      const refused = await refusal(args);
      expect(refused.stderr)
        .to.match(new RegExp(`^${code} `))
        .and.to.match(text);
      expect(refused.code).to.equal(2);
      expect(readdirSync(folder.path)).to.deep.equal([]);
    });

  const corpus = (valid: string) => ({
    'data/train.txt': 'a b c\n'.repeat(99),
    'data/valid.txt': valid,
    'data/test.txt': 'a b\n',
  });
  const run = (...settings: readonly string[]) => [
    'run',
    '--config',
    'tiny.json',
    '--quiet',
    ...settings.flatMap((set) => ['--set', set]),
  ];
  const failing: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[], string, RegExp])[] = [
    [
      'a missing file',
      {},
      run('dataset={"name":"text","path":"data"}'),
      'RNNX_DATA_MISSING',
      /data[\s\S]*no such file/,
    ],
    ['an empty corpus', corpus('\n\n'), run('dataset={"name":"text","path":"data"}'), 'RNNX_DATA_EMPTY', /valid\.txt/],
    [
      'a token never seen',
      corpus('a b\nb zorp\n'),
      run('dataset={"name":"text","path":"data"}'),
      'RNNX_TOKEN_UNKNOWN',
      /"zorp" in \S*valid\.txt, line 2, token 2[\s\S]*"unknown" to "map"/,
    ],
    [
      'text that is no UTF-8',
      corpus('\xff'),
      run('dataset={"name":"text","path":"data"}'),
      'RNNX_DATA_ENCODING',
      /offset 0/,
    ],
    [
      'a file with a wrong checksum',
      { 'ptb/ptb.train.txt': 'a\n', 'ptb/ptb.valid.txt': 'a\n', 'ptb/ptb.test.txt': 'a\n' },
      [...run('dataset=ptb'), '--data-dir', '.'],
      'RNNX_DATA_CHECKSUM',
      /ptb\.train\.txt/,
    ],
    ['data that are elsewhere, offline', {}, [...run('dataset=ptb'), '--offline'], 'RNNX_DATA_OFFLINE', /--data-dir/],
    [
      'a run folder below a file',
      { taken: 'mine' },
      [...run(), '--out', 'taken/runs'],
      'RNNX_RUN_UNWRITABLE',
      /taken\/runs/,
    ],
    [
      'a backend that is not installed',
      {},
      [...run(), '--backend', 'tensorflow'],
      'RNNX_BACKEND_UNAVAILABLE',
      /npm install/,
    ],
    ['a split that is too short', {}, run('training.bptt=500'), 'RNNX_DATA_TOO_SMALL', /1200 tokens/],
    ['a model that fits no memory', {}, run('model.hiddenSize=1e8'), 'RNNX_OUT_OF_MEMORY', /hiddenSize/],
  ];
  for (const [what, files, args, code, text] of failing)
    it(`ends with exit code 1 and leaves the user's files alone: ${what}`, async () => {
      write('tiny.json', JSON.stringify(tiny));
      for (const [name, content] of Object.entries(files)) write(name, content);
      const before = textsOf(folder.path);
      const refused = await refusal(args);
      expect(refused.stderr)
        .to.match(new RegExp(`^${code} `))
        .and.to.match(text);
      expect(refused.code).to.equal(1);
      expect(textsOf(folder.path)).to.include(before);
    });

  it('of tokens is mapped where the option says so', async () => {
    write('tiny.json', JSON.stringify(tiny));
    for (const [name, content] of Object.entries(corpus('a b\nb zorp\n'.repeat(9)))) write(name, content);
    const { code, stderr } = await rnnxHere(folder.path, run('dataset={"name":"text","path":"data","unknown":"map"}'));
    expect(code, stderr).to.equal(0);
  });

  const configurations: readonly (readonly [string, string, string, RegExp])[] = [
    ['that is not JSON', '{ "dataset": grammar }', 'RNNX_CONFIG_UNREADABLE', /mine\.json:1:14/],
    ['that is empty', '', 'RNNX_CONFIG_UNREADABLE', /holds no configuration/],
    [
      'with a wrong type',
      '{ "dataset": "grammar", "training": { "epochs": "3" } }',
      'RNNX_CONFIG_INVALID',
      /"3" \(string\)/,
    ],
    [
      'with an unknown plugin package',
      '{ "dataset": "grammar", "plugins": ["nothing"] }',
      'RNNX_PLUGIN_UNREADABLE',
      /nothing/,
    ],
  ];
  for (const [what, text, code, message] of configurations)
    it(`is refused and left as it is: a configuration ${what}`, async () => {
      write('mine.json', text);
      const refused = await refusal(['run', '--config', 'mine.json']);
      expect(refused.stderr)
        .to.match(new RegExp(`^${code} `))
        .and.to.match(message);
      expect(refused.code).to.equal(2);
      expect(textsOf(folder.path)).to.deep.equal({ [join(folder.path, 'mine.json')]: text });
    });

  it('is refused: a download that ends early, whose part is kept, and one with a wrong checksum, which is not', async () => {
    server.files.set('/corpus.txt', 'a b c\n'.repeat(99));
    write('tiny.json', JSON.stringify(tiny));
    const dataset = { name: 'text', path: `${server.origin}/corpus.txt` };
    server.behaviour = { stallAfter: 100 };
    // Not before its file is there: with nothing received there is no part to keep.
    const receiving = () =>
      readdirSync(folder.path, { recursive: true }).some((path) => /corpus.*body$/.test(String(path)));
    const cutting = setInterval(() => receiving() && setTimeout(() => server.cut(), 50), 50);
    const truncated = await refusal(run(`dataset=${JSON.stringify(dataset)}`)).finally(() => clearInterval(cutting));
    expect(truncated.code).to.equal(1);
    expect(truncated.stderr).to.match(/^RNNX_DATA_TRUNCATED .*\n {2}got: +\d+ bytes/);
    const cached = () =>
      Object.keys(textsOf(join(folder.path, 'cache'))).map((path) => path.replace(/.*corpus\.txt/, ''));
    expect(cached()).to.deep.equal(['.partial/body', '.partial/validator.json']);

    server.behaviour = {};
    const wrong = { ...dataset, sha256: { path: '0'.repeat(64) } };
    const refused = await refusal(run(`dataset=${JSON.stringify(wrong)}`));
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(/^RNNX_DATA_CHECKSUM /);
    expect(cached()).to.deep.equal([]);
  });

  it('is refused and left as it is: a checkpoint that is damaged', async () => {
    write('tiny.json', JSON.stringify(tiny));
    expect((await rnnxHere(folder.path, [...run(), '--out', 'mine'])).code).to.equal(0);
    const path = join(folder.path, 'mine', 'base-seed-1', 'checkpoints', 'best.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 9]! ^= 1;
    writeFileSync(path, bytes);
    for (const args of [
      ['eval', 'mine'],
      ['generate', 'mine'],
    ]) {
      const refused = await refusal(args);
      expect(refused.code).to.equal(1);
      expect(refused.stderr).to.match(/^RNNX_CHECKPOINT_CORRUPT [\s\S]*checksum [\s\S]*--checkpoint/);
    }
    expect(readFileSync(path).equals(bytes)).to.equal(true);
    expect((await rnnxHere(folder.path, ['eval', 'mine', '--checkpoint', 'last'])).code).to.equal(0);
  });

  it('is refused: a prompt with a token never seen', async () => {
    write('tiny.json', JSON.stringify(tiny));
    expect((await rnnxHere(folder.path, [...run(), '--out', 'mine'])).code).to.equal(0);
    const refused = await refusal(['generate', 'mine', '--prompt', 'the zorp']);
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(/^RNNX_TOKEN_UNKNOWN [\s\S]*"zorp" in the prompt/);
  });
});
