import type { Choice } from '@rnnx/presets';
import { expect } from 'chai';
import { choicesOf } from '../../../../cli/dist/report/choices.js';
import { renderHtml } from '../../../../cli/dist/report/html.js';
import { renderMarkdown } from '../../../../cli/dist/report/markdown.js';
import type { Report, ReportRow } from '../../../../cli/dist/report/report.js';

const shared: Choice = { name: 'shared', text: 'The same <in> all.' };
const own = (text: string): Choice => ({ name: 'own', text });

/** A row that has not begun. */
const row = (label: string, choices: readonly Choice[] | undefined, table = 'Table 1'): ReportRow =>
  ({
    name: label,
    label,
    table,
    config: { name: label, dataset: 'x', model: { cell: 'lstm', layers: 1, hiddenSize: 1 }, regularizers: [] },
    hash: label,
    metric: 'perplexity',
    published: [],
    epochs: 1,
    command: label,
    runs: [],
    ...(choices && { choices }),
  }) as unknown as ReportRow;

const report = (rows: readonly ReportRow[]): Report => ({
  title: 't',
  subtitle: 's',
  notes: [],
  rows,
  figures: [],
  command: 'c',
});

describe('choices where the paper is silent', () => {
  it('are told once where all rows of a table share them', () => {
    const rows = [row('a', [shared, own('one')]), row('b', [own('two'), shared]), row('c', [shared])];
    expect(choicesOf(rows)).to.deep.equal({ common: [shared], own: [[own('one')], [own('two')], []] });
    expect(choicesOf(rows.slice(0, 1))).to.deep.equal({ common: [], own: [[shared, own('one')]] });
    expect(choicesOf([...rows, row('d', undefined)]).common).to.deep.equal([]);
    expect(choicesOf([])).to.deep.equal({ common: [], own: [] });
  });

  it('stand beside their rows, on the page and in Markdown', () => {
    const rows = [row('a', [shared, own('For | a.')]), row('b', [shared]), row('c', [own('Elsewhere.')], 'Table 2')];
    const markdown = renderMarkdown(report(rows));
    expect(markdown).to.include('in all of these rows:\n\n- shared: The same &lt;in> all.\n\n');
    expect(markdown).to.include('row by row:\n\n- a\n  - own: For \\| a.\n\n').and.not.to.include('- b\n');
    const page = renderHtml(report(rows));
    expect(page).to.match(/row">a<.*class="state">.*1 choice where.*<dt>own<\/dt><dd>For \| a\.<\/dd>.*<\/td><\/tr>\n/);
    expect(page).to.match(/row">b<.*class="state">not begun<\/td><\/tr>\n/);
    expect(page).to.match(/<\/table><\/div><details.*in all of these rows.*The same &lt;in&gt; all\./);
    expect(page.match(/The same/g)).to.have.length(1);
  });
});
