import { join } from 'node:path';
import { expect } from 'chai';
import { type Job, runJobs } from '../../../../cli/dist/reproduce/jobs.js';
import { StateFile } from '../../../../cli/dist/reproduce/state.js';
import { temporaryFolder } from '../helpers.js';

/** A child that trains nothing: only when it runs matters here. */
const job = (id: string, folder: string, bytes: number | null): Job =>
  ({
    id,
    folder: join(folder, id),
    seed: 1,
    expected: null,
    bytes,
    planned: { rows: [{ variant: 'base' }] },
  }) as unknown as Job;

describe('jobs beside one another', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  async function told(memory: number, parallel: number, ...bytes: (number | null)[]): Promise<readonly string[]> {
    const diary: string[] = [];
    const jobs = bytes.map((each, i) => job('abcd'[i]!, folder.path, each));
    await runJobs(jobs, {
      state: await StateFile.open(folder.path),
      parallel,
      memory,
      signal: new AbortController().signal,
      begin: async () => ['--version'],
      data: [],
      watcher: {
        started: ({ id }) => diary.push(`${id} starts`),
        waits: ({ id }, needed, free) => diary.push(`${id} waits, ${needed} of ${free}`),
        event: () => {},
        ended: ({ id }) => diary.push(`${id} ends`),
      },
    });
    return diary;
  }

  it('share the memory: one that does not fit waits, a later one that does goes first', async () => {
    const diary = await told(10, 3, 7, 5, 3);
    expect(diary.slice(0, 3)).to.have.members(['a starts', 'b waits, 5 of 3', 'c starts']);
    const [a, b, c] = ['a ends', 'b starts', 'c ends'].map((entry) => diary.indexOf(entry));
    expect(b).to.be.above(a!);
    expect(diary).to.have.length(7);
    expect(c).to.be.above(0);
  });

  it('run at once where they fit, and one by one where a single one is all that there is room for', async () => {
    expect((await told(10, 2, 5, 5, null)).slice(0, 2)).to.have.members(['a starts', 'b starts']);
    expect(await told(10, 2, 20, 30)).to.deep.equal(['b waits, 30 of -10', 'a starts', 'a ends', 'b starts', 'b ends']);
  });
});
