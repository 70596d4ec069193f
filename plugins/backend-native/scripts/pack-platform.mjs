// Packs what a release publishes, for the machine it runs on:
//
//   node scripts/pack-platform.mjs --out <folder>
//
// - the platform's package: the compiled addon, with os and cpu in its manifest so that npm installs it only where it fits;
// - this package, its manifest listing the platforms' packages as optional dependencies.
//
// Prints the two tarballs' paths. The C++ runtime is linked in, so that the addon needs no library but the system's own.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, defaultOutput, findCompiler } from './build.mjs';
import { platformPackage, platforms } from './platform.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function pack(folder, content, out) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(content, null, 2)}\n`);
  const shell = process.platform === 'win32';
  const printed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out], {
    cwd: folder,
    encoding: 'utf8',
    shell,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const packed = JSON.parse(printed);
  const [{ filename }] = Array.isArray(packed) ? packed : Object.values(packed);
  return join(out, filename);
}

async function packPlatform(stage, out) {
  const here = platforms.find(({ os, cpu }) => os === process.platform && cpu === process.arch);
  if (here === undefined) throw new Error(`no package is made for ${process.platform} ${process.arch}`);
  const compiler = findCompiler();
  if (compiler === undefined) throw new Error('no C++ compiler found; set CXX or install g++');
  const folder = join(stage, 'platform');
  mkdirSync(folder);
  const shared = process.platform === 'darwin' ? ['-shared', '-undefined', 'dynamic_lookup'] : ['-shared'];
  const runtime = process.platform === 'darwin' ? [] : ['-static-libstdc++', '-static-libgcc'];
  await build({
    output: join(folder, 'rnnx-native.node'),
    objects: join(dirname(defaultOutput), 'objects'),
    link: [...shared, ...runtime],
    compiler,
  });
  writeFileSync(join(folder, 'README.md'), `The compiled addon of ${manifest.name} for ${here.os} ${here.cpu}.\n`);
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const { version, license, engines } = manifest;
  const content = {
    name: platformPackage(here.os, here.cpu),
    version,
    description: `The compiled addon of ${manifest.name} for ${here.os} ${here.cpu}`,
    license,
    engines,
    os: [here.os],
    cpu: [here.cpu],
    ...(here.libc && { libc: [here.libc] }),
    main: 'rnnx-native.node',
    files: ['rnnx-native.node'],
  };
  return pack(folder, content, out);
}

function packMain(stage, out) {
  const folder = join(stage, 'main');
  mkdirSync(folder);
  for (const name of manifest.files) cpSync(join(root, name), join(folder, name), { recursive: true });
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const packages = platforms.map(({ os, cpu }) => [platformPackage(os, cpu), manifest.version]);
  return pack(folder, { ...manifest, optionalDependencies: Object.fromEntries(packages) }, out);
}

const { values } = parseArgs({ options: { out: { type: 'string' } } });
if (values.out === undefined) throw new Error('give --out <folder>');
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const stage = mkdtempSync(join(tmpdir(), 'rnnx-pack-'));
try {
  console.log(await packPlatform(stage, out));
  console.log(packMain(stage, out));
} finally {
  rmSync(stage, { recursive: true, force: true });
}
