import { readdirSync, writeFileSync } from 'node:fs';
import { documentedPlugins, renew } from './plugin-table.js';
import { read, root } from './repository.js';

/** `npm run docs`: writes the generated tables of README.md and docs/*.md anew. */
const plugins = await documentedPlugins();
const pages = readdirSync(`${root}docs`).filter((file) => file.endsWith('.md'));
for (const page of ['README.md', ...pages.map((file) => `docs/${file}`)]) {
  const before = read(page);
  const after = renew(before, plugins);
  if (after === before) continue;
  writeFileSync(root + page, after);
  console.log(`renewed ${page}`);
}
