// Builds the addon: calls the C++ compiler, nothing else. No download; headers come from the package node-api-headers.
//
//   node scripts/build.mjs [--force] [--verbose] [--out <file>]
//
// Environment: CXX (compiler), RNNX_NATIVE_SKIP=1 (do nothing). Without a compiler, or where compiling fails, it says so in
// a line and exits with 0: rnnx then works on the portable backends. With --strict both are failures.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const sources = join(root, 'native');

/** Instruction sets that the kernels are compiled for, with the compiler's options. */
export const instructionSets = {
  x64: {
    baseline: [],
    avx2: ['-mavx2', '-mfma'],
    avx512: ['-mavx512f', '-mavx512dq', '-mavx512vl', '-mavx512bw', '-mfma', '-mprefer-vector-width=512'],
  },
  arm64: { neon: [] },
}[process.arch] ?? { baseline: [] };

export const defaultOutput = join(root, 'build', 'rnnx-native.node');

/** The first C++ compiler that starts: path and version line. */
export function findCompiler() {
  for (const command of [process.env.CXX, 'c++', 'g++', 'clang++']) {
    if (!command) continue;
    try {
      const [version] = execFileSync(command, ['--version'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).split('\n');
      return { command, version };
    } catch {
      // Not there, or not working: try the next.
    }
  }
  return undefined;
}

/** Options for every unit. Contraction is off so that the same source gives the same bits in every copy and loop tail. */
export function commonFlags() {
  const require = createRequire(import.meta.url);
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  return [
    '-std=c++17',
    '-O3',
    '-fPIC',
    '-pthread',
    '-fvisibility=hidden',
    '-fno-math-errno',
    '-fno-trapping-math',
    '-ffp-contract=off',
    '-Wall',
    '-Wextra',
    '-DNAPI_VERSION=8',
    `-I${headers}`,
    `-I${sources}`,
  ];
}

/** One object a source, or one an instruction set for the kernels. */
export function compileUnits(files, objects) {
  return files.flatMap((file) => {
    const name = file.slice(file.lastIndexOf('/') + 1).replace(/\.cc$/, '');
    if (!name.endsWith('_kernels')) return [{ file, object: join(objects, `${name}.o`), flags: [] }];
    return Object.entries(instructionSets).map(([isa, flags]) => ({
      file,
      object: join(objects, `${name}.${isa}.o`),
      // GCC notes that a vector's calling convention depends on -m options; every such function is inlined.
      flags: [...flags, `-DRNNX_ISA=${isa}`, '-Wno-psabi'],
    }));
  });
}

/** Headers that a unit includes, as the compiler wrote them beside the object. */
function dependencies(object) {
  const list = object.replace(/\.o$/, '.d');
  if (!existsSync(list)) return undefined;
  return readFileSync(list, 'utf8')
    .replace(/\\\n/g, ' ')
    .replace(/^[^:]*:/, '')
    .trim()
    .split(/\s+/);
}

function upToDate(unit, stamp) {
  if (!existsSync(unit.object) || !existsSync(`${unit.object}.flags`)) return false;
  if (readFileSync(`${unit.object}.flags`, 'utf8') !== stamp) return false;
  const built = statSync(unit.object).mtimeMs;
  const needed = dependencies(unit.object);
  return needed?.every((file) => existsSync(file) && statSync(file).mtimeMs < built) ?? false;
}

async function inParallel(tasks, width) {
  const queue = [...tasks];
  const worker = async () => {
    for (let task = queue.shift(); task; task = queue.shift()) await task();
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/**
 * Compiles what is out of date and links. Sanitizers and other programs pass their own flags, sources and object folder.
 *
 * @returns true where something was built
 */
export async function build({
  output = defaultOutput,
  files,
  flags = [],
  link,
  objects,
  force = false,
  verbose = false,
  compiler,
}) {
  const all =
    files ??
    readdirSync(sources)
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(sources, name));
  const folder = objects ?? join(dirname(output), 'objects');
  mkdirSync(folder, { recursive: true });
  const common = [...commonFlags(), ...flags];
  const units = compileUnits(all, folder).map((unit) => {
    const options = [...common, ...unit.flags];
    const stamp = createHash('sha256')
      .update(JSON.stringify([compiler.version, options]))
      .digest('hex');
    return { ...unit, options, stamp };
  });
  const stale = units.filter((unit) => force || !upToDate(unit, unit.stamp));
  // A source that is gone makes no unit stale, but the list shorter.
  const list = join(folder, 'linked');
  const linked = JSON.stringify([output, ...units.map((unit) => [unit.object, unit.stamp])]);
  if (stale.length === 0 && existsSync(output) && existsSync(list) && readFileSync(list, 'utf8') === linked)
    return false;
  // The longest first: they end together.
  stale.sort((a, b) => statSync(b.file).size - statSync(a.file).size);
  await inParallel(
    stale.map((unit) => async () => {
      rmSync(`${unit.object}.flags`, { force: true });
      const started = performance.now();
      const { stderr } = await run(compiler.command, [...unit.options, '-MMD', '-c', unit.file, '-o', unit.object], {
        maxBuffer: 2 ** 26,
      });
      if (stderr) process.stderr.write(stderr);
      writeFileSync(`${unit.object}.flags`, unit.stamp);
      rmSync(list, { force: true });
      if (verbose) console.log(`${((performance.now() - started) / 1000).toFixed(1)} s  ${unit.object}`);
    }),
    availableParallelism(),
  );
  const dynamic = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  // A process may hold the old file mapped: link beside it and put it in its place.
  const fresh = `${output}.${process.pid}`;
  await run(compiler.command, [
    ...common.filter((flag) => /^-(f|pthread)/.test(flag)),
    ...(link ?? ['-shared', ...dynamic]),
    ...units.map((unit) => unit.object),
    '-o',
    fresh,
  ]);
  renameSync(fresh, output);
  writeFileSync(list, linked);
  return true;
}

async function main() {
  const { values } = parseArgs({
    options: {
      force: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      out: { type: 'string', default: defaultOutput },
    },
  });
  const giveUp = (why) => {
    console.log(`rnnx: native backend not built (${why}); the portable backends remain`);
    process.exitCode = values.strict ? 1 : 0;
  };
  if (process.env.RNNX_NATIVE_SKIP === '1') return giveUp('RNNX_NATIVE_SKIP=1');
  const compiler = findCompiler();
  if (!compiler) return giveUp('no C++ compiler found; set CXX or install g++');
  try {
    const started = performance.now();
    const built = await build({ output: resolve(values.out), force: values.force, verbose: values.verbose, compiler });
    if (built)
      console.log(
        `rnnx: native backend built in ${((performance.now() - started) / 1000).toFixed(1)} s with ${compiler.version}`,
      );
  } catch (error) {
    if (values.verbose || values.strict) console.error(error.stderr ?? error);
    giveUp(
      `compiling failed with ${compiler.version}; see it with: node ${join(root, 'scripts', 'build.mjs')} --verbose`,
    );
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
