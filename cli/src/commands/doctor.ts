import { constants, existsSync } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { arch, cpus, freemem, platform, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { trialFallbacks } from '@rnnx/backend-native';
import { type BackendStatus, RnnxError } from '@rnnx/core';
import colors from 'picocolors';
import { autoOrder, suitsAuto, wantedBackend } from '../auto-backend.js';
import type { Discovered } from '../discovery/discover.js';
import { defaultCacheDir } from '../host.js';
import { bytes } from '../terminal/format.js';
import { discoverHere } from './list.js';
import { probeBackend } from './probe.js';

interface Finding {
  readonly what: string;
  readonly state: 'good' | 'note' | 'bad';
  readonly detail: string;
}

const oldestNode = [20, 19] as const;
const littleDisk = 1e9;

/** `rnnx doctor`: what works here, what does not and why. Exit code 1 if nothing could train. */
export async function doctor(options: { readonly config?: string; readonly json?: boolean }): Promise<number> {
  const findings: Finding[] = [nodeFinding(), machineFinding()];
  let found: Discovered | undefined;
  try {
    found = await discoverHere(options.config);
    const packages = new Set([...found.origins.values()].map(({ from, version }) => `${from} ${version ?? ''}`.trim()));
    findings.push({ what: 'plugins', state: 'good', detail: `${found.origins.size} from ${[...packages].join(', ')}` });
  } catch (error) {
    if (!(error instanceof RnnxError)) throw error;
    findings.push({ what: 'plugins', state: 'bad', detail: `${error.code}: ${error.message}` });
  }
  if (found !== undefined) findings.push(...(await backendFindings(found)));
  findings.push(await cacheFinding(), await diskFinding());
  if (options.json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else for (const finding of findings) print(finding);
  return findings.some(({ state }) => state === 'bad') ? 1 : 0;
}

function print({ what, state, detail }: Finding): void {
  const mark = { good: colors.green('ok  '), note: colors.yellow('note'), bad: colors.red('bad ') }[state];
  process.stdout.write(`${mark}  ${what}: ${detail.replaceAll('\n', '\n      ')}\n`);
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [least, leastMinor] = oldestNode;
  const good = major > least || (major === least && minor >= leastMinor);
  return {
    what: 'Node',
    state: good ? 'good' : 'bad',
    detail: `${process.version}, needs ${least}.${leastMinor} or newer`,
  };
}

function machineFinding(): Finding {
  const cores = cpus();
  const memory = `${bytes(freemem())} of ${bytes(totalmem())} memory free`;
  const detail = `${platform()} ${arch()}, ${cores.length} x ${cores[0]?.model.trim() ?? 'unknown'}, ${memory}`;
  return { what: 'machine', state: 'good', detail };
}

async function backendFindings({ registry }: Discovered): Promise<Finding[]> {
  const findings: Finding[] = [];
  const found = new Map<string, BackendStatus>();
  for (const { name } of registry.list('backend')) {
    const status = await probeBackend(registry, name);
    found.set(name, status);
    const detail = status.available ? status.detail : `${status.reason}\n${status.remedy}`;
    findings.push({ what: `backend ${name}`, state: status.available ? 'good' : 'note', detail });
  }
  findings.push(autoFinding(found));
  if (found.get('native')?.available) findings.push(await nativeFinding(registry));
  return findings;
}

function autoFinding(found: ReadonlyMap<string, BackendStatus>): Finding {
  const what = 'backend auto';
  const named = wantedBackend('auto');
  if (named !== 'auto') {
    const works = found.get(named as string)?.available === true;
    const detail = `takes ${named}, which RNNX_BACKEND names${works ? '' : ' and which does not work here'}`;
    return { what, state: works ? 'good' : 'bad', detail };
  }
  const order = autoOrder();
  const auto = order.find((name) => suitsAuto(found.get(name)!));
  if (auto === undefined) return { what, state: 'bad', detail: 'no backend works' };
  return { what, state: 'good', detail: `takes ${auto}, the first that works of ${order.join(', ')}` };
}

/** Whether training on the native backend has work on large tensors that only JavaScript can do. */
async function nativeFinding(registry: Discovered['registry']): Promise<Finding> {
  const what = 'native kernels';
  try {
    await registry.create('backend', 'native').activate();
    const slow = await trialFallbacks();
    if (slow.length === 0)
      return { what, state: 'good', detail: 'a training step ran without JavaScript on large tensors' };
    return {
      what,
      state: 'note',
      detail: `in JavaScript on large tensors: ${slow.map(({ kernel }) => kernel).join(', ')}`,
    };
  } catch (error) {
    return { what, state: 'bad', detail: (error as Error).message };
  }
}

/** Looks without making the folder. */
async function cacheFinding(): Promise<Finding> {
  const path = defaultCacheDir();
  let nearest = path;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  try {
    await access(nearest, constants.W_OK);
    return { what: 'cache', state: 'good', detail: `${path}${nearest === path ? '' : ' (nothing in it yet)'}` };
  } catch (error) {
    const detail = `${(error as Error).message}\ndata sets cannot be downloaded; give --data-dir`;
    return { what: 'cache', state: 'note', detail };
  }
}

async function diskFinding(): Promise<Finding> {
  const { bavail, bsize } = await statfs(process.cwd());
  const free = bavail * bsize;
  return {
    what: 'disk',
    state: free < littleDisk ? 'note' : 'good',
    detail: `${bytes(free)} free here${free < littleDisk ? '; a large run writes about 1 GB of checkpoints' : ''}`,
  };
}
