/** Loads the addon in a worker only, which ends before the process does: the library must outlive its threads. */
import { setTimeout } from 'node:timers/promises';
import { isMainThread, Worker } from 'node:worker_threads';
import { openAddon } from './open.js';

if (isMainThread) {
  const codes: number[] = [];
  for (let i = 0; i < 3; i++)
    codes.push(await new Promise((resolve) => new Worker(new URL(import.meta.url)).on('exit', resolve)));
  await setTimeout(200);
  console.log(JSON.stringify(codes));
} else {
  const addon = openAddon();
  addon.setThreadCount(4);
  addon.gemm(false, false, 200, 200, 200, new Float32Array(4e4), new Float32Array(4e4), new Float32Array(4e4), false);
}
