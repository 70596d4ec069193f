import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runExperiment } from 'rnnx';
import { none, textsOf } from '../../../../cli/dist/report/cells.js';
import { compareRuns } from '../../../../cli/dist/report/compare.js';
import { writeReport } from '../../../../cli/dist/report/write.js';
import { findChromium, openPage } from '../../support/chromium.js';
import { rnnxHere, temporaryFolder, tiny } from '../helpers.js';

const noisin = (spread: number) => ({ regularizers: [{ name: 'noisin', distribution: 'gaussian', spread }] });

/** Three variants of a small network with two seeds, as `rnnx run` leaves them. */
async function train(folder: string): Promise<void> {
  const input = {
    ...tiny,
    name: 'small',
    training: { ...tiny.training, track: ['spectral-radius'] },
    seeds: [1, 2],
    variants: { none: { regularizers: [] }, weak: noisin(0.2), strong: noisin(0.8) },
  } as const;
  for await (const _ of runExperiment(input, { out: { folder } }));
}

describe('the page of a report', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const runs = () => join(folder.path, 'runs');

  it('has every cell and plot, asks for nothing and complains of nothing', async function () {
    const chromium = findChromium();
    if (chromium === undefined) {
      console.warn('no Chromium found: the page was not opened; RNNX_CHROMIUM may name one');
      this.skip();
    }
    await train(runs());
    const compared = await compareRuns([runs()], 'npx rnnx compare runs');
    const report = { ...compared, rows: compared.rows.map((row) => ({ ...row, label: `<b>&"${row.label}` })) };
    expect(report.rows).to.have.length(3);
    expect(report.figures.map(({ id }) => id)).to.deep.equal(['noise', 'spectral-radius', 'options']);
    const { html } = await writeReport(report, folder.path);
    const page = await openPage(chromium, html);
    expect(page.console).to.deep.equal([]);
    expect(page.requests).to.deep.equal([]);

    const text = page.dom.replace(/<[^>]+>/g, '\n');
    for (const row of report.rows)
      for (const cell of textsOf(row).filter((each) => each !== none))
        expect(text).to.include(`\n${cell.replace('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}\n`);
    const plots = page.dom.match(/<svg [\s\S]*?<\/svg>/g) ?? [];
    expect(plots.length).to.be.at.least(9);
    for (const plot of plots) expect(plot).to.match(/<path d="M[\d.-]+ [\d.-]+L[\d.L -]+" [^>]*stroke="#/);
    expect(page.dom).not.to.match(/<script|<b>&amp;|NaN/);
  });

  it('is opened by a browser that would tell of requests and complaints', async function () {
    const chromium = findChromium();
    if (chromium === undefined) this.skip();
    const file = join(folder.path, 'bad.html');
    writeFileSync(file, '<img src="http://figures.invalid/a.png"><script>console.error("complaint")</script>');
    const page = await openPage(chromium, file);
    expect(page.requests).to.deep.equal(['http://figures.invalid/a.png']);
    expect(page.console.join()).to.include('complaint');
  });

  it('is the same for the same runs, on one page below 400 kB', async () => {
    await train(runs());
    const pages = await Promise.all(
      ['a', 'b'].map(async (name) => {
        const written = await writeReport(await compareRuns([runs()], 'x'), join(folder.path));
        return [readFileSync(written.html, 'utf8'), readFileSync(written.markdown, 'utf8'), name].slice(0, 2);
      }),
    );
    expect(pages[0]).to.deep.equal(pages[1]);
    expect(pages[0]![0]!.length).to.be.below(400_000);
  });

  it('is what rnnx compare writes, of whole experiments and of single runs', async () => {
    await train(runs());
    const whole = await rnnxHere(folder.path, ['compare', 'runs', '--out', 'compared']);
    expect(whole.code).to.equal(0);
    expect(whole.stdout)
      .to.match(/small: weak .* ± .*\(n = 2\)/)
      .and.to.include('compared/report.html');
    const single = await rnnxHere(folder.path, ['compare', 'runs/none-seed-1', 'runs/weak-seed-2']);
    expect(single.stdout).to.include('small: none').and.not.to.include('n = 2');
    const none = await rnnxHere(folder.path, ['compare', 'elsewhere']);
    expect([none.code, none.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 2 && /RNNX_RUN_MISSING/.test(text),
    );
  });
});
