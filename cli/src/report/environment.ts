import { bytes } from '../terminal/format.js';
import type { ReportRow } from './report.js';

/** Machine, versions and data of all runs, each different value once: name and text. */
export function environmentOf(rows: readonly ReportRow[]): readonly (readonly [name: string, text: string])[] {
  const runs = rows.flatMap(({ runs: each }) => each.flatMap(({ data }) => (data === undefined ? [] : [data])));
  const all = (name: string, values: readonly (string | null)[]) => {
    const different = [...new Set(values.filter((value) => value !== null))];
    return different.length === 0 ? [] : [[name, different.join('; ')] as const];
  };
  const environments = runs.map(({ environment }) => environment);
  return [
    ...all(
      'CPU',
      environments.map(({ cpu }) => cpu),
    ),
    ...all(
      'memory',
      environments.map(({ memoryBytes }) => bytes(memoryBytes)),
    ),
    ...all(
      'system',
      environments.map(({ platform }) => platform),
    ),
    ...all(
      'Node.js',
      environments.map(({ node }) => node),
    ),
    ...all(
      'backend',
      environments.map(({ backend }) => backend),
    ),
    ...all(
      'packages',
      environments.map(({ packages }) =>
        Object.entries(packages)
          .map((entry) => entry.join(' '))
          .join(', '),
      ),
    ),
    ...all(
      'commit',
      environments.map(({ git }) => git && `${git.commit.slice(0, 12)}${git.dirty ? ' with changes' : ''}`),
    ),
    ...all(
      'data',
      runs.map(({ data }) => `${data.name}: ${data.notes.join('; ')}`),
    ),
  ];
}
