import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { assembleConfig } from '../../../../cli/dist/config/assemble.js';
import { failureOf, temporaryFolder } from '../helpers.js';

describe('assembleConfig', () => {
  const folder = temporaryFolder();
  const assemble = (sources: object) => assembleConfig({ set: [], seed: [], ...sources }, folder.path);
  const write = (name: string, value: object) => writeFileSync(join(folder.path, name), JSON.stringify(value));

  it('takes the file found here', async () => {
    write('rnnx.config.json', { dataset: 'grammar' });
    const { input, preset, pluginFolder } = await assemble({});
    expect(input).to.deep.equal({ dataset: 'grammar' });
    expect(preset).to.equal(undefined);
    expect(pluginFolder).to.equal(folder.path);
  });

  it('puts preset, file, --set, --seed and --backend over one another', async () => {
    write('mine.json', { training: { epochs: 2, bptt: 9 }, backend: 'cpu' });
    const { input, changes } = await assemble({
      preset: 'quickstart',
      config: 'mine.json',
      set: ['training.epochs=1', 'seeds=[5]'],
      seed: [3, 4],
      backend: 'wasm',
    });
    expect(input.name).to.equal('quickstart');
    expect(input.training).to.include({ epochs: 1, bptt: 9 });
    expect(input.seeds).to.deep.equal([3, 4]);
    expect(input.backend).to.equal('wasm');
    expect(changes).to.deep.equal(['--config mine.json', 'training.epochs=1', 'seeds=[5]']);
  });

  it('leaves a preset as it is beside a found file, but loads the plugins that it names', async () => {
    write('rnnx.config.json', { dataset: 'ptb', plugins: ['./mine.js'], training: { epochs: 99 } });
    const { input, changes } = await assemble({ preset: 'quickstart' });
    expect(input.dataset).to.equal('grammar');
    expect(input.training!.epochs).not.to.equal(99);
    expect(input.plugins).to.deep.equal(['./mine.js']);
    expect(changes).to.deep.equal([]);
  });

  it('knows presets by alias', async () => {
    expect((await assemble({ preset: 'noisin-ptb-large-gaussian' })).preset!.name).to.equal('noisin-ptb-large');
  });

  it('refuses an unknown preset with the nearest name', async () => {
    const error = await failureOf(() => assemble({ preset: 'quikstart' }));
    expect(error.code).to.equal('RNNX_PRESET_UNKNOWN');
    expect(error.details.remedy).to.include('Did you mean "quickstart"?');
  });

  it('says what to do where there is nothing to run', async () => {
    write('package.json', { name: 'x' });
    const error = await failureOf(() => assemble({}));
    expect(error.code).to.equal('RNNX_USAGE');
    expect(error.details.remedy).to.include('--preset quickstart');
  });
});
