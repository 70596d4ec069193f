import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const program = fileURLToPath(new URL('../../test/dist/bench/gpu/main.js', import.meta.url));

/** Writes the benchmark and all that it imports, but the package webgpu, as one file. The repository must be built. */
export function bundle(outfile) {
  if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build`);
  buildSync({
    entryPoints: [program],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['webgpu'],
    // CommonJS modules inside ask for Node's own.
    banner: {
      js: "import { createRequire as rnnxRequire } from 'node:module'; const require = rnnxRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
}
