import { coreVersion, findProblem, PluginRegistry } from '@rnnx/core';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import type { Subject } from '../subject.js';

/** Kinds that implement equations of a paper. */
const published = ['regularizer', 'cell', 'noise'];

export const metadata = invariant<Subject>(
  'metadata',
  'describes itself completely: name, summary, versions of the core, paper and equations',
  async ({ plugin, kind }) => {
    const problem = findProblem(plugin);
    if (problem !== undefined) fail(`${problem.what}: ${problem.got}; expected ${problem.expected}`);
    if (plugin.kind !== kind) fail(`is a ${plugin.kind}, and not a ${kind}`);
    if (plugin.summary.trim() !== plugin.summary || plugin.summary.includes('\n'))
      fail(`the summary should be one line without blanks around it: ${JSON.stringify(plugin.summary)}`);
    // A range that leaves out the core at hand, or is none at all.
    try {
      new PluginRegistry([plugin]);
    } catch (error) {
      fail(`@rnnx/core ${coreVersion} does not take it: ${(error as Error).message}`);
    }
    const { paper } = plugin;
    if (paper === null) {
      if (published.includes(kind)) fail('no paper; say where the technique comes from');
      return;
    }
    for (const field of ['title', 'authors'] as const) if (!paper[field]?.trim()) fail(`the paper has no ${field}`);
    if (!Number.isInteger(paper.year) || paper.year < 1900 || paper.year > 2100)
      fail(`the paper's year is ${paper.year}`);
    if (paper.url !== undefined && !/^https?:\/\/\S+$/.test(paper.url)) fail(`the paper's url is ${paper.url}`);
    if (published.includes(kind) && !paper.equations?.trim())
      fail('the paper names no equations; give their numbers, or the section that has them');
  },
);
