import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * Runs tfjs-core's own spec files on one backend, in this process, and prints what passed and failed.
 *
 *     node test/dist/tfjs-suite/run.js native        (or cpu, wasm; default native)
 *
 * The specs are ES modules that import tfjs-core's sources. Everything is bundled into one file, so that they and the backend
 * share one tfjs; the native addon stays outside.
 */
const backend = process.argv[2] ?? 'native';
const require = createRequire(import.meta.url);
const coreSources = join(dirname(require.resolve('@tensorflow/tfjs-core')), '.');
const suite = fileURLToPath(new URL('../../src/tfjs-suite/suite.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rnnx-tfjs-suite-'));
const outfile = join(folder, 'suite.cjs');
try {
  await build({
    entryPoints: [suite],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    // The node entry points are bundles with a tfjs-core of their own.
    mainFields: ['module', 'main'],
    conditions: ['import'],
    alias: {
      'tfjs-core-specs': join(coreSources, 'tests.js'),
      'tfjs-core-jasmine': join(coreSources, 'jasmine_util.js'),
    },
    // Backends look for their files beside this module.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(require.resolve('@rnnx/backend-native')).href) },
    external: ['*.node', 'node-fetch'],
    // tfjs-core declares its specs free of side effects.
    ignoreAnnotations: true,
    logLevel: 'error',
    banner: { js: `process.env.RNNX_SUITE_BACKEND = ${JSON.stringify(backend)};` },
  });
  require(outfile);
} finally {
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
}
