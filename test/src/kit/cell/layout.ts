import type { CellSites } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import type { CellCase } from './claims.js';
import type { CellSubject } from './subject.js';

export const layout = invariant<CellSubject>(
  'layout',
  'declares its parameters, gates, states and sites as it uses them',
  async (subject) => {
    for (const at of subject.claims.valid) {
      for (const [input, hidden] of [
        [6, 5],
        [1, 4],
      ] as const)
        checkParameters(subject, at, input, hidden);
      checkUse(subject, at);
    }
  },
);

function checkParameters(subject: CellSubject, at: CellCase, input: number, hidden: number): void {
  const what = `${show(at.options)} with ${input} inputs and ${hidden} units`;
  const { parameters, inputWeight, inputBias, recurrentWeights, gates } = subject
    .create(at.options)
    .build(input, hidden);
  const byName = new Map(parameters.map((spec) => [spec.name, spec.shape] as const));
  if (byName.size < parameters.length) fail(`${what} declares a parameter twice`);
  const columns = gates.length * hidden;
  const require = (name: string, expected: readonly number[]) => {
    const shape = byName.get(name);
    if (shape?.join() !== expected.join()) fail(`${what}: "${name}" is [${shape}], and not [${expected}]`);
  };
  require(inputWeight, [input, columns]);
  if (inputBias !== undefined) require(inputBias, [columns]);
  let total = 0;
  for (const name of recurrentWeights) {
    const [rows, width = 0] = byName.get(name) ?? [];
    if (rows !== hidden) fail(`${what}: "${name}" has ${rows} rows for ${hidden} units`);
    total += width;
  }
  if (total !== columns)
    fail(`${what}: the recurrent weights have ${total} columns together; ${gates.length} gates have ${columns}`);
}

function checkUse(subject: CellSubject, at: CellCase): void {
  const what = show(at.options);
  const { cell, layout, weights, x, state, clean } = subject.bench(at);
  if (!cell.stateNames.includes('h')) fail(`${what} has no state "h"`);
  for (const name of at.carries)
    if (!cell.stateNames.includes(name)) fail(`${what} claims to carry "${name}", which is no state`);
  if (cell.sites.includes('cell') !== cell.stateNames.includes('c'))
    fail(`${what}: the site "cell" and the state "c" go together`);
  const used = new Set<string>();
  const sites: CellSites = {
    ...clean,
    recurrent(operand, weight) {
      used.add(weight);
      if (!layout.recurrentWeights.includes(weight))
        fail(`${what} multiplies by "${weight}", which is not declared as recurrent`);
      return clean.recurrent(operand, weight);
    },
    candidate(g) {
      used.add('site candidate');
      return clean.candidate(g);
    },
    readout(c) {
      used.add('site readout');
      return clean.readout(c);
    },
  };
  const next = cell.step(x, state, weights, sites);
  for (const weight of layout.recurrentWeights)
    if (!used.has(weight)) fail(`${what} never multiplies by "${weight}" through the site, so that no mask reaches it`);
  for (const site of ['candidate', 'readout'] as const)
    if (used.has(`site ${site}`) !== cell.sites.includes(site))
      fail(
        `${what} ${cell.sites.includes(site) ? 'declares' : 'uses'} the site "${site}" without ${cell.sites.includes(site) ? 'using' : 'declaring'} it`,
      );
  const names = Object.keys(next).sort().join();
  if (names !== [...cell.stateNames].sort().join())
    fail(`${what} returns the states ${names}, and not ${cell.stateNames}`);
}
