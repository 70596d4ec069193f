import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Folder with real data sets (`ptb/ptb.train.txt`, ...): the environment variable RNNX_DATA, else `shared/data` beside the
 * repository. `undefined` where there is none; tests that need it then skip.
 */
export function dataFolder(needed = 'ptb/ptb.train.txt'): string | undefined {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const folder = process.env.RNNX_DATA ?? resolve(root, '../shared/data');
  return existsSync(join(folder, needed)) ? folder : undefined;
}

/**
 * The folder, or the test under way is skipped with a line that says why.
 *
 * @param test mocha's `this`
 */
export function requireData(test: Mocha.Context, needed = 'ptb/ptb.train.txt'): string {
  const folder = dataFolder(needed);
  if (folder !== undefined) return folder;
  console.log(`      no ${needed} in RNNX_DATA or ../shared/data: skipped`);
  return test.skip();
}
