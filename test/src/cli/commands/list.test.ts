import { expect } from 'chai';
import { rnnxHere, temporaryFolder } from '../helpers.js';

describe('rnnx list', () => {
  const folder = temporaryFolder();
  const list = (...args: string[]) => rnnxHere(folder.path, ['list', ...args]);

  it('groups presets by the tables of the papers', async () => {
    const { stdout } = await list('presets');
    const headings = stdout.split('\n').filter((line) => /, Table \d: /.test(line));
    expect(headings.map((line) => line.split(':')[0])).to.deep.equal([
      'zaremba, Table 1',
      'noisin, Table 1',
      'noisin, Table 2',
      'noise-based-regularizers, Table 2',
      'noise-based-regularizers, Table 3',
      'recurrent-batch-normalization, Table 1',
      'recurrent-batch-normalization, Table 2',
      'recurrent-batch-normalization, Table 3',
      'regularizing-recurrent-networks, Table 1',
    ]);
    expect(stdout).to.match(/^rbn-mnist-lstm .*test error % 1\.1 \(accuracy 98\.9\)$/m);
  });

  it('narrows presets by a pattern, part of a name, an alias or the key of a paper', async () => {
    const names = async (filter: string) =>
      (JSON.parse((await list('presets', filter, '--json')).stdout) as { name: string }[]).map(({ name }) => name);
    expect(await names('music-jsb-*')).to.have.length(10);
    expect(await names('text8')).to.deep.equal(['rbn-text8-bn-lstm']);
    expect(await names('noisin-ptb-large-gaussian')).to.deep.equal(['noisin-ptb-large']);
    expect(await names('recurrent-batch-normalization')).to.have.length(10);
  });

  it('gives scripts the paper, table and row', async () => {
    const [row] = JSON.parse((await list('presets', 'music-jsb-fd', '--json')).stdout);
    expect(row).to.include({
      name: 'music-jsb-fd',
      published: 'test 8.01',
      paper: 'regularizing-recurrent-networks',
      table: 'Table 1',
      row: 'RNN-FD, JSB Chorales',
    });
  });

  it('narrows plugins too', async () => {
    const { stdout } = await list('datasets', 'ptb');
    expect(stdout.split('\n').slice(1).join('\n'))
      .to.match(/^ptb /)
      .and.to.match(/^ptb-char /m)
      .and.not.to.match(/^grammar /m);
  });

  it('refuses a filter that nothing fits, with the nearest name', async () => {
    const { code, stderr, stdout } = await list('presets', 'quikstart');
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    expect(stderr).to.include('No presets fit "quikstart"').and.to.include('Did you mean "quickstart"?');
  });

  it('describes what was chosen where the paper is silent', async () => {
    const { stdout } = await rnnxHere(folder.path, ['describe', 'music-jsb-rnn']);
    expect(stdout).to.match(/^our choice, settings: The paper gives none for the plain network/m);
  });
});
