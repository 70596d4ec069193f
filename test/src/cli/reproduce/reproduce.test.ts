import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cellOf, statusOf } from '../../../../cli/dist/report/report.js';
import { failureOf, temporaryFolder } from '../helpers.js';
import { Diary, reproduceTiny, tinyPreset } from './tiny-paper.js';

const plain = tinyPreset('plain');
const noisy = tinyPreset('noisy', { regularizers: [{ name: 'noisin', distribution: 'gaussian', spread: 0.5 }] });
const long = tinyPreset('long', { training: { epochs: 4000, batchSize: 10, bptt: 10, reportEvery: 4 } });

describe('reproduce', function () {
  this.timeout(180_000);
  const folder = temporaryFolder();
  const out = () => join(folder.path, 'out');
  const read = (path: string) => readFileSync(path, 'utf8');

  it('trains each row with each seed, the first seed first, and writes every cell', async () => {
    const diary = new Diary();
    const { report, html, markdown, failed, stopped } = await reproduceTiny(
      out(),
      [plain, noisy],
      { seeds: 2, jobs: 2 },
      diary,
    );
    expect({ failed, stopped }).to.deep.equal({ failed: 0, stopped: false });
    expect(diary.started_.slice(0, 2)).to.have.members(['plain 1', 'noisy 1']);
    expect(Object.values(diary.ends)).to.deep.equal(Array(4).fill('finished'));
    for (const row of report.rows) {
      expect(statusOf(row)).to.equal('finished');
      for (const split of ['valid', 'test'] as const) {
        const results = row.runs.map(({ data }) => data!.result!.scores[split].metric);
        const { published, ours, difference, partial } = cellOf(row, split);
        expect(published).to.equal(split === 'valid' ? 60 : 50);
        expect(ours!.n).to.equal(2);
        expect(ours!.mean).to.be.closeTo((results[0]! + results[1]!) / 2, 1e-9);
        expect(ours!.deviation).to.be.closeTo(Math.abs(results[0]! - results[1]!) / Math.SQRT2, 1e-9);
        expect(difference!.absolute).to.be.closeTo(ours!.mean - published!, 1e-9);
        expect(difference!.percent).to.be.closeTo((100 * (ours!.mean - published!)) / published!, 1e-9);
        expect(partial).to.equal(false);
        const shown = `${ours!.mean.toFixed(2)} ± `;
        expect(read(markdown)).to.include(shown);
        expect(read(html)).to.include(shown);
      }
      for (const path of [markdown, html]) expect(read(path)).to.include(`Chosen for ${row.name}.`);
    }

    const again = new Diary();
    const before = [html, markdown].map(read);
    await reproduceTiny(out(), [plain, noisy], { seeds: 2, jobs: 2 }, again);
    expect(again.started_).to.deep.equal([]);
    expect([html, markdown].map(read)).to.deep.equal(before);
  });

  it('takes a killed row up again to the same bits, and leaves the others alone', async () => {
    let killed = 0;
    const diary = new Diary((event, { planned }, pid) => {
      if (planned.preset.name !== 'plain' || event.type !== 'epoch' || event.epoch !== 2 || killed > 0) return;
      killed++;
      process.kill(pid, 'SIGKILL');
    });
    await reproduceTiny(out(), [plain, noisy], { jobs: 2 }, diary);
    await reproduceTiny(join(folder.path, 'whole'), [plain, noisy]);
    expect(killed).to.equal(1);
    expect(diary.started_.filter((name) => name === 'plain 1')).to.have.length(2);
    expect(diary.ends).to.deep.equal({ 'plain 1': 'finished', 'noisy 1': 'finished' });
    const [interrupted, whole] = await Promise.all(
      [out(), join(folder.path, 'whole')].map(async (path) => (await reproduceTiny(path, [plain, noisy])).report.rows),
    );
    for (const [i, row] of interrupted!.entries()) {
      const [ours, theirs] = [row.runs[0]!.data!, whole![i]!.runs[0]!.data!];
      expect(ours.result!.scores).to.deep.equal(theirs.result!.scores);
      expect(ours.epochs).to.deep.equal(theirs.epochs);
      const bytes = [ours, theirs].map(({ path }) => readFileSync(join(path, 'checkpoints', 'best.safetensors')));
      expect(bytes[0]!.equals(bytes[1]!)).to.equal(true);
    }
  });

  it('reports a row that fails or cannot run, and finishes the rest', async () => {
    const exploding = tinyPreset('exploding', {
      training: { epochs: 2, batchSize: 10, bptt: 10, clipNorm: null, optimizer: { name: 'sgd', learningRate: 1e30 } },
    });
    const missing = tinyPreset('missing', { dataset: { name: 'text', path: 'no/such/file.txt' } });
    const huge = tinyPreset('huge', { model: { hiddenSize: 200_000 } });
    const diary = new Diary();
    const { report, failed, markdown } = await reproduceTiny(out(), [exploding, missing, huge, plain], {}, diary);
    expect(failed).to.equal(1);
    expect(report.rows.map((row) => [row.name, statusOf(row)])).to.deep.equal([
      ['exploding', 'failed'],
      ['missing', 'impossible'],
      ['huge', 'impossible'],
      ['plain', 'finished'],
    ]);
    expect(diary.started_).to.have.members(['exploding 1', 'plain 1']);
    const said = diary.lines.join('\n');
    expect(said).to.match(/missing {2}cannot run: RNNX_DATA_MISSING/);
    expect(said).to.match(/huge {2}cannot run: RNNX_OUT_OF_MEMORY.*training needs about/);
    expect(read(markdown)).to.match(/\| row exploding \|.*failed; seed 1: RNNX_NONFINITE/);
  });

  it('stops when asked, goes on later, and says where epochs are fewer', async () => {
    const stop = new AbortController();
    const first = new Diary((event) => {
      if (event.type === 'epoch' && event.epoch === 2) stop.abort();
    });
    const cut = await reproduceTiny(out(), [long], { signal: stop.signal, epochs: 6 }, first);
    expect(cut.stopped).to.equal(true);
    expect(first.ends).to.deep.equal({ 'long 1': 'stopped' });
    const [row] = cut.report.rows;
    expect(statusOf(row!)).to.equal('unfinished');
    expect(cellOf(row!, 'valid').partial).to.equal(true);
    expect(cellOf(row!, 'test').ours).to.equal(null);
    const { report, markdown } = await reproduceTiny(out(), [long], { epochs: 6 });
    expect(statusOf(report.rows[0]!)).to.equal('finished');
    expect(report.rows[0]!.runs[0]!.data!.epochs.map(({ epoch }) => epoch)).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(read(markdown)).to.include('6 of 6, paper 4000').and.to.include('at most 6 epochs, fewer than');
  });

  it('ends at its budget', async () => {
    const diary = new Diary();
    const other = { ...long, name: 'other', config: { ...long.config, name: 'other' } };
    const { stopped, report } = await reproduceTiny(out(), [long, other], { budget: 4 }, diary);
    expect(stopped).to.equal(true);
    expect(Object.values(diary.ends)).to.deep.equal(['stopped']);
    expect(report.rows.map(statusOf)).to.include('not begun');
  });

  it('scores the best checkpoint of a row that its own limit stopped, and marks it', async () => {
    const stop = new AbortController();
    const first = new Diary((event) => {
      if (event.type === 'epoch' && event.epoch === 2) stop.abort();
    });
    await reproduceTiny(out(), [long], { signal: stop.signal }, first);
    const diary = new Diary();
    const { report, stopped, markdown } = await reproduceTiny(out(), [long], { rowBudget: 0.1 }, diary);
    expect({ stopped, started: diary.started_ }).to.deep.equal({ stopped: false, started: [] });
    expect(diary.ends).to.deep.equal({ 'long 1': 'out of time' });
    const row = report.rows[0]!;
    const cell = cellOf(row, 'test');
    expect(cell.partial).to.equal(true);
    expect(cell.ours!.mean).to.be.within(5, 60);
    expect(row.runs[0]!.scored!.epoch).to.equal(row.runs[0]!.data!.epochs.findLast(({ best }) => best)!.epoch);
    expect(read(markdown)).to.match(/\| row long \|.* \* \|.*unfinished; best epoch so far \d+; stopped after 0:0/);

    const longer = new Diary();
    const more = await reproduceTiny(out(), [long], { rowBudget: 5 }, longer);
    expect(longer.ends).to.deep.equal({ 'long 1': 'out of time' });
    const [before, after] = [row, more.report.rows[0]!].map(({ runs }) => runs[0]!.data!.epochs.length);
    expect(after).to.be.at.least(before!);
  });

  it('has its folder to itself, and takes over that of a process that is gone', async () => {
    const { code, details } = await failureOf(async () => {
      const first = reproduceTiny(out(), [plain], { budget: 0.3 });
      await reproduceTiny(out(), [plain]).finally(() => first);
    });
    expect([code, details.got]).to.deep.equal(['RNNX_RUN_BUSY', `process ${process.pid} on ${hostname()}`]);
    const lock = join(out(), 'running.json');
    expect(existsSync(lock), 'given back').to.equal(false);
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(lock, JSON.stringify({ pid: gone, host: hostname(), began: null }));
    await reproduceTiny(out(), [plain], { budget: 0.1 });
    expect(existsSync(lock)).to.equal(false);
  });

  it('refuses a paper and a pattern that it does not know', async () => {
    const paper = await failureOf(() => reproduceTiny(out(), [plain], { paper: 'tinny' }));
    expect([paper.code, paper.details.expected]).to.deep.equal(['RNNX_USAGE', 'one of tiny']);
    const rows = await failureOf(() => reproduceTiny(out(), [plain], { rows: 'pl*zn' }));
    expect([rows.code, rows.details.got]).to.deep.equal(['RNNX_USAGE', '--rows pl*zn']);
  });
});
