import { execFile } from 'node:child_process';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { type PluginOrigin, packageVersion } from '../discovery/builtin.js';

/** What a result depends on besides configuration and seed. */
export interface Environment {
  readonly started: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly packages: Readonly<Record<string, string>>;
  readonly plugins: readonly PluginOrigin[];
  readonly backend: string;
  /** Of the folder in which rnnx was started; `null` outside a repository. */
  readonly git: { readonly commit: string; readonly dirty: boolean } | null;
}

export async function describeEnvironment(origins: Iterable<PluginOrigin>, backend: string): Promise<Environment> {
  const cores = cpus();
  const names = ['rnnx', '@rnnx/core', '@rnnx/presets', '@tensorflow/tfjs'];
  return {
    started: new Date().toISOString(),
    node: process.version,
    platform: `${platform()} ${release()} ${arch()}`,
    cpu: `${cores.length} x ${cores[0]?.model.trim() ?? 'unknown'}`,
    memoryBytes: totalmem(),
    packages: Object.fromEntries(
      names.map((name) => [name, name === '@tensorflow/tfjs' ? tf.version.tfjs : packageVersion(name)]),
    ),
    plugins: [...new Map([...origins].map((origin) => [origin.from, origin])).values()],
    backend,
    git: await gitState(),
  };
}

async function gitState(): Promise<Environment['git']> {
  const git = promisify(execFile);
  try {
    const commit = (await git('git', ['rev-parse', 'HEAD'])).stdout.trim();
    const changes = (await git('git', ['status', '--porcelain'], { maxBuffer: 64 * 1024 * 1024 })).stdout;
    return { commit, dirty: changes.trim() !== '' };
  } catch {
    return null; // no git, no repository, or no commit yet
  }
}
