import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../checks/repository.js';

export interface Ended {
  readonly code: number | null;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** A program run to its end. Settings that npm hands down to what it starts are left out, so that a second npm begins anew. */
export function execute(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|config_local_prefix)/i.test(name)),
  );
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...env, NO_COLOR: '1' } });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** Packages of ours that the contract test of somebody's plugin needs. */
const needed = ['core', 'backends', 'contract-kit'] as const;

interface Lock {
  readonly packages: Readonly<Record<string, { readonly link?: boolean }>>;
}

/**
 * Makes a folder outside the repository a workspace of plugin packages: ours as `npm pack` makes them, in `packed`, others in
 * the versions of our lock file, so that what `npm ci` left in npm's cache will do.
 */
export async function makeOutside(folder: string): Promise<void> {
  const packed = join(folder, 'packed');
  mkdirSync(packed);
  const workspaces = needed.flatMap((name) => ['-w', `@rnnx/${name}`]);
  const { code, output } = await execute('npm', ['pack', ...workspaces, '--pack-destination', packed], root);
  if (code !== 0) throw new Error(output);
  const tarballs = readdirSync(packed);
  const fileOf = (name: string) => tarballs.find((file) => file.startsWith(`rnnx-${name}-`));
  const manifest = {
    name: 'outside',
    workspaces: ['rnnx-plugin-*'],
    dependencies: Object.fromEntries(needed.map((name) => [`@rnnx/${name}`, `file:packed/${fileOf(name)}`])),
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, private: true }));
  const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as Lock;
  const others = Object.entries(packages).filter(([path, { link }]) => path.startsWith('node_modules/') && !link);
  const lock = { name: 'outside', lockfileVersion: 3, packages: { '': manifest, ...Object.fromEntries(others) } };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
}

/** What npm says where it can neither find a package in its cache nor fetch it. */
const unreachable = /\b(ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)\b/;

/** Installs; `undefined`, or why it cannot be done on this machine. Throws where npm fails otherwise. */
export async function installOutside(folder: string): Promise<string | undefined> {
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--fetch-retries=0'];
  const { code, output } = await execute('npm', ['install', ...flags], folder);
  if (code === 0) return undefined;
  const reason = unreachable.exec(output)?.[0];
  if (reason === undefined) throw new Error(output);
  return `npm cannot fetch packages here (${reason})`;
}
