import { existsSync, readFileSync } from 'node:fs';
import { presets } from '@rnnx/presets';
import { expect } from 'chai';
import { parsed } from './registry.js';
import { actualSettings, expectedSettings } from './settings.js';
import { ownTargets, type Target, targets } from './targets.js';

const papers = new Set(targets.map(({ paper }) => paper));

/** Every number that a preset claims of the four papers. */
const claims = presets.flatMap((preset) =>
  preset.published
    .filter(() => preset.paper !== undefined && papers.has(preset.paper.key))
    .map((number) => ({ preset, number, ids: number.targets ?? [] })),
);
const metrics: Readonly<Record<string, string>> = {
  perplexity: 'perplexity',
  'bits per character': 'bits-per-character',
  'accuracy (%)': 'accuracy',
};

describe('presets against the published tables', () => {
  it('know the tables: 231 numbers, 14 of them from elsewhere', () => {
    expect(targets).to.have.length(231);
    expect(ownTargets).to.have.length(217);
    expect(new Set(targets.map(({ id }) => id)).size).to.equal(231);
  });

  it('answer every number exactly once, and no number that is not there', () => {
    const answered = claims.flatMap(({ ids }) => ids);
    expect([...answered].sort()).to.deep.equal(ownTargets.map(({ id }) => id).sort());
    for (const { preset, ids } of claims) expect(ids, preset.name).to.have.length.above(0);
  });

  it('claim numbers of these papers nowhere else', () => {
    const strays = presets.filter(
      ({ paper, published }) =>
        !papers.has(paper?.key ?? '') && published.some(({ targets: ids }) => ids !== undefined),
    );
    expect(strays.map(({ name }) => name)).to.deep.equal([]);
  });

  for (const target of ownTargets)
    it(`${target.id}: number and settings`, () => {
      const { preset, number } = claims.find(({ ids }) => ids.includes(target.id))!;
      expect(preset.paper).to.include({ key: target.paper, table: target.table });
      expect(number.split).to.equal(target.split === 'dev' ? 'valid' : 'test');
      const { metric, value } = number.printed ?? number;
      expect(metric).to.equal(metrics[target.metric] ?? 'nll-per-step');
      expect(value).to.equal(target.value);
      for (const config of parsed(preset)) holds(actualSettings(config), target);
    });

  it('turn an accuracy into the error rate that runs report', () => {
    const accuracies = claims.filter(({ number }) => number.printed !== undefined);
    expect(accuracies.map(({ number }) => number.value)).to.deep.equal([1.1, 1, 9.8, 4.6]);
    for (const { number } of accuracies) expect(number.metric).to.equal('error-rate');
  });

  it('equal the transcript of the papers, where it lies beside this checkout', function () {
    const transcript = new URL('../../../../shared/papers/targets.json', import.meta.url);
    if (!existsSync(transcript)) {
      console.log('      no transcript of the papers beside this checkout: nothing to compare with');
      return this.skip();
    }
    const kept = Object.fromEntries(targets.map((target) => [target.id, target]));
    const original = JSON.parse(readFileSync(transcript, 'utf8')) as readonly (Target & Record<string, unknown>)[];
    expect(original).to.have.length(targets.length);
    for (const row of original) expect(row, row.id).to.deep.include(kept[row.id]);
  });
});

function holds(actual: ReturnType<typeof actualSettings>, target: Target): void {
  const { regularizers, ...parts } = expectedSettings(target);
  for (const [part, expected] of Object.entries(parts))
    expect(actual[part as keyof typeof parts], part).to.deep.include(expected);
  expect(actual.regularizers).to.have.length(regularizers.length);
  for (const [i, expected] of regularizers.entries()) {
    const { distribution, ...options } = expected;
    expect(actual.regularizers[i], `regularizer ${i}`).to.deep.include(options);
    if (distribution !== undefined) expect(actual.regularizers[i]!.distribution).to.include({ name: distribution });
  }
}
