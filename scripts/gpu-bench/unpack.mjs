// Unwraps everything but Node beside it: node unpack.mjs FROM TO
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const [from, to] = process.argv.slice(2);
for (const name of readdirSync(from, { recursive: true })) {
  if (!name.endsWith('.br')) continue;
  const path = join(to, name.slice(0, -'.br'.length));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, brotliDecompressSync(readFileSync(join(from, name))));
}
