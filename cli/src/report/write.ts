import { join } from 'node:path';
import { writeAtomically } from '../run-folder/files.js';
import { renderMarkdown } from './markdown.js';
import type { Report } from './report.js';

/** Writes `report.html` and `report.md` into a folder. Errors: RNNX_RUN_UNWRITABLE. */
export async function writeReport(report: Report, folder: string): Promise<{ html: string; markdown: string }> {
  const { renderHtml } = await import('./html.js'); // the plotting library takes its time to load
  const paths = { html: join(folder, 'report.html'), markdown: join(folder, 'report.md') };
  await writeAtomically(paths.markdown, renderMarkdown(report));
  await writeAtomically(paths.html, renderHtml(report));
  return paths;
}
