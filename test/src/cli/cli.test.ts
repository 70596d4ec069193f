import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { rnnx, rnnxHere, temporaryFolder, tiny } from './helpers.js';

/** Every file below a folder, with what would show that it was written. */
function filesOf(folder: string): Record<string, number> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [path, statSync(path).mtimeMs]));
}

/** Tests of the program itself; each start takes about a second, so what can runs inside this process. */
describe('rnnx', () => {
  const folder = temporaryFolder();
  const write = (name: string, value: unknown) => {
    writeFileSync(join(folder.path, name), typeof value === 'string' ? value : JSON.stringify(value));
  };

  it('runs a configuration, then scores it and samples from it', async () => {
    write('rnnx.config.json', {
      ...tiny,
      seeds: [1, 2],
      variants: { none: {}, noisin: { regularizers: [{ name: 'noisin', spread: 0.5 }] } },
    });
    const run = await rnnx(folder.path, ['run', '--set', 'training.epochs=1', '--seed', '4', '--out', 'mine']);
    expect(run.stderr, run.stderr).to.include('tiny: 2 runs').and.to.include('none seed 4  epoch 1/1');
    expect(run.code).to.equal(0);
    expect(run.stdout)
      .to.match(/^none +1 .*\nnoisin +1 /m)
      .and.to.match(/^floor perplexity \d/m);
    expect(readdirSync(join(folder.path, 'mine')).sort()).to.deep.equal([
      'experiment.json',
      'noisin-seed-4',
      'none-seed-4',
    ]);

    const scored = await rnnxHere(folder.path, ['eval', 'mine/noisin-seed-4', '--split', 'test', '--json']);
    const result = JSON.parse(readFileSync(join(folder.path, 'mine', 'noisin-seed-4', 'result.json'), 'utf8'));
    expect(JSON.parse(scored.stdout)).to.deep.equal({ test: result.scores.test });

    const text = await rnnxHere(folder.path, ['generate', 'mine/none-seed-4', '--length', '5', '--temperature', '0']);
    expect(text.code).to.equal(0);
    expect(text.stdout.trim()).not.to.equal('');

    const again = await rnnxHere(folder.path, ['run', '--out', 'mine']);
    expect(again.code).to.equal(2);
    expect(again.stderr).to.include('RNNX_RUN_EXISTS');
    const before = filesOf(join(folder.path, 'mine'));
    const resumed = await rnnx(folder.path, ['run', '--resume', 'mine', '--quiet']);
    expect(resumed).to.include({ code: 0, stderr: '' });
    expect(filesOf(join(folder.path, 'mine')), 'a finished experiment is left alone').to.deep.equal(before);
    expect(resumed.stdout).to.match(/^noisin +1 /m);
  });

  it('goes on after kill -9 within an epoch to the same bytes', async () => {
    write('rnnx.config.json', {
      ...tiny,
      dataset: { name: 'grammar', trainTokens: 4000, validTokens: 300, testTokens: 300 },
      regularizers: [{ name: 'noisin', spread: 0.5 }],
      training: {
        ...tiny.training,
        reportEvery: 1,
        checkpointEvery: 7,
        optimizer: { name: 'adam', learningRate: 0.01 },
      },
    });
    const whole = await rnnx(folder.path, ['run', '--out', 'whole', '--quiet']);
    expect(whole.code, whole.stderr).to.equal(0);
    let killed = false;
    const cut = await rnnx(folder.path, ['run', '--out', 'cut', '--json'], (stdout, kill) => {
      if (killed || !stdout.includes('"epoch":2,"step":18,')) return;
      killed = true;
      kill('SIGKILL');
    });
    expect(cut.signal).to.equal('SIGKILL');
    const path = (out: string, name: string) => join(folder.path, out, 'base-seed-1', name);
    expect(existsSync(path('cut', 'result.json'))).to.equal(false);

    const resumed = await rnnx(folder.path, ['run', '--resume', 'cut']);
    expect(resumed.code, resumed.stderr).to.equal(0);
    expect(resumed.stderr).to.match(/goes on after epoch 1, step (9|16)\b/);
    for (const name of ['last', 'best']) {
      const file = `checkpoints/${name}.safetensors`;
      expect(readFileSync(path('cut', file)).equals(readFileSync(path('whole', file))), name).to.equal(true);
    }
    const scores = (out: string) => JSON.parse(readFileSync(path(out, 'result.json'), 'utf8')).scores;
    expect(scores('cut')).to.deep.equal(scores('whole'));
  });

  it('saves a checkpoint on Ctrl-C, says how to go on, and exits 130', async () => {
    write('rnnx.config.json', { ...tiny, training: { ...tiny.training, epochs: 500, reportEvery: 1 } });
    let interrupted = false;
    const run = await rnnx(folder.path, ['run', '--out', 'mine', '--json'], (stdout, kill) => {
      if (interrupted || !stdout.includes('"type":"step"')) return;
      interrupted = true;
      kill('SIGINT');
    });
    expect(run.code).to.equal(130);
    expect(run.stderr).to.match(/rnnx run --resume \S*mine/);
    expect(existsSync(join(folder.path, 'mine', 'base-seed-1', 'checkpoints', 'last.safetensors'))).to.equal(true);
    expect(run.stdout).to.include('"aborted":true');
  });

  it('uses a third-party plugin that the configuration names by path', async () => {
    mkdirSync(join(folder.path, 'plugins'));
    write(
      'plugins/halve.ts',
      `import { definePlugin } from '@rnnx/core';
       import * as tf from '@tensorflow/tfjs';
       export default definePlugin<'regularizer', { by: number }>({
         kind: 'regularizer', name: 'halve', summary: 'Halves what goes up.', core: '^0.1.0', paper: null,
         schema: { type: 'object', additionalProperties: false, properties: { by: { description: 'Factor', type: 'number', default: 0.5 } } },
         create: ({ by }) => ({ perturb: () => [{ site: 'output', layer: 0, kind: 'scale', value: tf.scalar(by) }] }),
       });`,
    );
    write(
      'rnnx.config.ts',
      `export default { ...${JSON.stringify(tiny)}, plugins: ['./plugins/halve.ts'], regularizers: [{ name: 'halve', by: 0.25 }] };`,
    );
    const run = await rnnx(folder.path, ['run', '--out', 'mine', '--quiet', '--set', 'training.epochs=1']);
    expect(run.code, run.stderr).to.equal(0);
    const described = await rnnxHere(folder.path, ['describe', 'halve']);
    expect(described.stdout)
      .to.match(/by +number +0\.5 +Factor/)
      .and.to.include('from ./plugins/halve.ts');
    const schema = JSON.parse((await rnnxHere(folder.path, ['schema'])).stdout);
    expect(JSON.stringify(schema.definitions['plugin-regularizer'])).to.include('"halve"');
  });

  it('lists and describes what there is', async () => {
    const presets = JSON.parse((await rnnxHere(folder.path, ['list', 'presets', '--json'])).stdout);
    expect(presets.map(({ name }: { name: string }) => name)).to.include.members(['quickstart', 'noisin-ptb-large']);
    const backends = (await rnnxHere(folder.path, ['list', 'backends'])).stdout;
    expect(backends)
      .to.match(/^cpu .*yes/m)
      .and.to.match(/^tensorflow /m);
    const datasets = (await rnnxHere(folder.path, ['list', 'datasets'])).stdout;
    expect(datasets)
      .to.match(/^grammar /m)
      .and.to.match(/^ptb /m);
    const preset = (await rnnxHere(folder.path, ['describe', 'noisin-ptb-medium-bernoulli'])).stdout;
    expect(preset).to.include('test perplexity 71.4').and.to.include('"keep-probability"');
    const paper = (await rnnxHere(folder.path, ['describe', 'noisin'])).stdout;
    expect(paper)
      .to.match(/^spread +number > 0 +required/m)
      .and.to.match(/^noisin-ptb-large +Table 1: LSTM \+ Gaussian, large/m);
  });

  it('looks what works here', async () => {
    const { code, stdout } = await rnnx(folder.path, ['doctor']);
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/^ok {4}Node: v\d/m)
      .and.to.match(/^ok {4}backend auto: takes \w+/m);
    expect(stdout)
      .to.include(join(folder.path, 'cache'))
      .and.to.match(/disk: .* free/);
    expect(readdirSync(folder.path), 'it only looks').to.deep.equal([]);
  });

  it('refuses a wrong option on one screen, with exit code 2 and nothing written', async () => {
    const refused = await rnnx(folder.path, ['run', '--sed', '3']);
    expect(refused).to.include({ code: 2, stdout: '' });
    expect(refused.stderr)
      .to.match(/^RNNX_USAGE /)
      .and.to.include('Did you mean one of --seed, --set?');
    expect(readdirSync(folder.path)).to.deep.equal([]);
  });

  it('refuses an unwritable run folder with exit code 1, and tells scripts too', async () => {
    write('taken', 'mine');
    const args = ['run', '--preset', 'quickstart', '--out', 'taken/runs', '--json'];
    const { code, stdout, stderr } = await rnnx(folder.path, args);
    expect(code).to.equal(1);
    expect(stderr).to.include('RNNX_RUN_UNWRITABLE');
    const error = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(error).to.include({ type: 'error', code: 'RNNX_RUN_UNWRITABLE' });
    expect(error.remedy).to.include('--out');
    expect(readFileSync(join(folder.path, 'taken'), 'utf8')).to.equal('mine');
  });

  it('ends in silence when the reader of its output goes away', async () => {
    write('rnnx.config.json', { ...tiny, training: { ...tiny.training, epochs: 500, reportEvery: 1 } });
    const run = await rnnx(folder.path, ['run', '--out', 'mine', '--json'], (stdout, _kill, stopReading) => {
      if (stdout.includes('"type":"step"')) stopReading();
    });
    expect(run).to.include({ code: 141, stderr: '' });
  });

  it('tells its version', async () => {
    expect(await rnnx(folder.path, ['--version'])).to.include({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it('shows help without waiting for anything', async () => {
    const help = await rnnx(folder.path, ['run', '--help']);
    expect(help.code).to.equal(0);
    expect(help.stdout).to.include('--preset').and.to.include('--resume');
  });
});
