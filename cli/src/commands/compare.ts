import { relative, resolve } from 'node:path';
import { compareRuns } from '../report/compare.js';
import { writeReport } from '../report/write.js';
import { makeFolder } from '../run-folder/files.js';
import { resultTables } from '../terminal/report.js';

export interface CompareOptions {
  readonly out?: string;
}

/** `rnnx compare RUN...`. */
export async function compare(paths: readonly string[], { out }: CompareOptions): Promise<number> {
  const command = ['npx rnnx compare', ...paths, ...(out === undefined ? [] : ['--out', out])].join(' ');
  const report = await compareRuns(paths, command);
  process.stdout.write(`${resultTables(report)}\n`);
  if (out === undefined) return 0;
  const folder = resolve(out);
  await makeFolder(folder);
  const { html, markdown } = await writeReport(report, folder);
  process.stdout.write(`\n${relative(process.cwd(), html)}\n${relative(process.cwd(), markdown)}\n`);
  return 0;
}
