// Packs Node, Dawn, the benchmark as one file and the Vulkan loader into a folder of less than 40 MiB, whose run.sh needs
// neither Node nor network: a Linux x64 machine with a GPU driver, gzip and a shell are enough.
//
//   scripts/pack-gpu-bench [FOLDER]      default: gpu-bench; build first (npm run build)

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { bundle } from './bundle.mjs';

const most = 40 * 2 ** 20;
const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const target = resolve(process.argv[2] ?? 'gpu-bench');

if (process.platform !== 'linux' || process.arch !== 'x64') fail('it packs the Node that runs it: Linux x64 is needed');
if (existsSync(target) && readdirSync(target).length > 0) fail(`${target} already holds something`);
mkdirSync(join(target, 'packed'), { recursive: true });
const work = mkdtempSync(join(tmpdir(), 'rnnx-pack-'));
try {
  pack();
} finally {
  rmSync(work, { recursive: true });
}

function pack() {
  // Node comes first out of its wrapping, with gzip; the rest is Node's work.
  gzipped(stripped(process.execPath), 'node.gz');
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) {
    const path = library(name);
    if (path === undefined) fail(`${name} is not in the linker's cache`);
    gzipped(path, `${name}.gz`);
  }
  const loader = library('libvulkan.so.1');
  if (loader === undefined) fail('the Vulkan loader is not here: install libvulkan1');
  brotli(loader, 'libvulkan.so.1');
  const webgpu = join(root, 'node_modules/webgpu');
  brotli(stripped(join(webgpu, 'dist/linux-x64/dawn.node')), 'node_modules/webgpu/dist/linux-x64/dawn.node');
  for (const name of ['package.json', 'index.js', 'LICENSE.md'])
    brotli(join(webgpu, name), `node_modules/webgpu/${name}`);
  const file = join(work, 'bench.mjs');
  bundle(file);
  brotli(file, 'bench.mjs');
  for (const [from, to] of [
    ['gpu/pytorch_gpu.py', 'pytorch_gpu.py'],
    ['pytorch_models.py', 'pytorch_models.py'],
  ])
    brotli(join(root, 'test/src/bench', from), to);
  for (const name of ['run.sh', 'unpack.mjs']) copyFileSync(join(here, name), join(target, name));
  copyFileSync(join(root, 'LICENSE'), join(target, 'LICENSE'));

  const size = sizeOf(target);
  console.log(`${target}: ${(size / 2 ** 20).toFixed(1)} MiB; start ${join(target, 'run.sh')}`);
  if (size > most) fail(`more than ${most / 2 ** 20} MiB`);
}

/** Without symbols, where `strip` is there. */
function stripped(path) {
  const copy = join(work, path.replaceAll('/', '_'));
  try {
    execFileSync('strip', ['-s', '-o', copy, path]);
    return copy;
  } catch {
    return path;
  }
}

function gzipped(path, name) {
  writeFileSync(join(target, 'packed', name), gzipSync(readFileSync(path), { level: 9 }));
}

function brotli(path, name) {
  const text = readFileSync(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_LGWIN]: 24 };
  const to = join(target, 'packed', `${name}.br`);
  mkdirSync(join(to, '..'), { recursive: true });
  writeFileSync(to, brotliCompressSync(text, { params }));
}

/** A shared library of this machine, by the linker's cache. */
function library(name) {
  const cache = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  return cache
    .split('\n')
    .map((line) => /^\s*(\S+) \(.*x86-64.*\) => (.+)$/.exec(line))
    .find((match) => match?.[1] === name)?.[2];
}

function sizeOf(folder) {
  return readdirSync(folder, { recursive: true }).reduce((sum, name) => {
    const found = statSync(join(folder, name));
    return found.isFile() ? sum + found.size : sum;
  }, 0);
}

function fail(why) {
  console.error(`pack-gpu-bench: ${why}`);
  process.exit(1);
}
