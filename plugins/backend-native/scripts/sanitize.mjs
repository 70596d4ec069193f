// Builds the kernels with a sanitizer and runs them: native/tests/driver.cc under AddressSanitizer with
// UndefinedBehaviorSanitizer and under ThreadSanitizer, once an instruction set; then the addon itself under
// AddressSanitizer in Node with the programs of the test package (memory behind typed arrays is watched as well).
//
// First it looks for symbols that would mix up the instruction sets.
//
//   node scripts/sanitize.mjs [--rounds <n>] [--only address|thread|node]
//
// Needs a compiler with its sanitizer libraries, and for the last part the compiled tests.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, defaultOutput, findCompiler, instructionSets } from './build.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '60' }, only: { type: 'string' } } });
const compiler = findCompiler();
if (!compiler) throw new Error('no C++ compiler found');

const native = join(root, 'native');
const kernels = readdirSync(native)
  .filter((name) => name.endsWith('.cc') && !name.startsWith('napi_') && name !== 'addon.cc')
  .map((name) => join(native, name));
const options = {
  address: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer', '-g', '-O1'],
  thread: ['-fsanitize=thread', '-g', '-O1'],
};
let failed = 0;

function report(what, { status, signal, stdout, stderr }) {
  const clean = status === 0;
  if (!clean) failed++;
  console.log(
    `${clean ? 'clean ' : 'FAILED'}  ${what}: ${clean ? stdout.trim().slice(0, 160) : (signal ?? `exit code ${status}`)}`,
  );
  if (!clean) console.error(stdout, stderr);
}

/** The linker may take a weak symbol from a unit compiled for an instruction set that the machine lacks: none may be there. */
function checkSymbols(folder) {
  const units = readdirSync(folder).filter((name) => /_kernels\.(avx2|avx512)\.o$/.test(name));
  const weak = units.flatMap((name) =>
    execFileSync('nm', ['--defined-only', '-C', join(folder, name)], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => / [WVu] /.test(line))
      .map((line) => `${name}: ${line}`),
  );
  if (units.length > 0)
    report('symbols', {
      status: weak.length,
      stdout: `${units.length} units without weak ones`,
      stderr: weak.join('\n'),
    });
}

await build({ output: defaultOutput, compiler });
checkSymbols(join(dirname(defaultOutput), 'objects'));

for (const [sanitizer, flags] of Object.entries(options)) {
  if (values.only && values.only !== sanitizer) continue;
  const output = join(root, 'build', sanitizer, 'driver');
  mkdirSync(dirname(output), { recursive: true });
  const files = [...kernels, join(native, 'tests', 'driver.cc')];
  await build({ output, files, flags, link: [flags[0], '-lpthread'], compiler });
  for (const isa of Object.keys(instructionSets)) {
    const env = { ...process.env, RNNX_NATIVE_ISA: isa, TSAN_OPTIONS: 'halt_on_error=1' };
    report(`${sanitizer}, ${isa}`, spawnSync(output, [values.rounds], { env, encoding: 'utf8' }));
  }
}

if (!values.only || values.only === 'node') {
  const output = join(root, 'build', 'address', 'rnnx-native.node');
  const flags = options.address
    .filter((flag) => !flag.includes('recover'))
    .map((flag) => flag.replace(',undefined', ''));
  const objects = join(root, 'build', 'address', 'addon');
  await build({ output, objects, flags, link: ['-shared', flags[0]], compiler });
  const library = execFileSync(compiler.command, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  const programs = join(root, '..', '..', 'test', 'dist', 'plugins', 'backend-native', 'addon');
  for (const name of ['numerics', 'fuzz', 'workers', 'kept']) {
    const program = join(programs, `${name}.js`);
    if (!existsSync(program)) throw new Error(`${program} is not there: run npm run build`);
    // What Node leaves to the end of the process looks like leaks.
    const env = { ...process.env, LD_PRELOAD: library, ASAN_OPTIONS: 'detect_leaks=0', RNNX_NATIVE_ADDON: output };
    report(`address in Node, ${name}`, spawnSync(process.execPath, [program], { env, encoding: 'utf8' }));
  }
}
process.exitCode = failed === 0 ? 0 : 1;
