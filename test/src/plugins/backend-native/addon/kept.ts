/**
 * Calls kernels on arrays that nobody holds any more, has the garbage collector run before they do, and compares with results
 * of arrays that were held. Prints how many rounds were right.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { queueModes } from '@rnnx/backend-native';
import { Draws, rawAddon } from './open.js';

const rounds = 40;
const [m, n, k] = [5, 300, 200];
const addon = rawAddon();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function product(round: number): Float32Array {
  const draws = new Draws(`kept/${round}`);
  const out = new Float32Array(m * n);
  const between = new Float32Array(m * n);
  addon.gemm(false, false, m, n, k, draws.floats(m * k), draws.floats(k * n), between, false);
  addon.binary(0, Int32Array.of(1, m * n, m * n, ...new Array<number>(14).fill(0)), between, draws.floats(m * n), out);
  return out;
}

addon.setQueueMode(queueModes.indexOf('off'));
const wanted = Array.from({ length: rounds }, (_, round) => product(round));
addon.setQueueMode(queueModes.indexOf('late'));
const got: Float32Array[] = [];
for (let round = 0; round < rounds; round++) {
  got.push(product(round));
  collect();
  // What the collector freed is used again.
  for (let i = 0; i < 4; i++) new Float32Array(k * n).fill(NaN);
}
addon.waitForKernels();
const right = got.filter((out, round) => out.every((value, i) => Object.is(value, wanted[round]![i])));
console.log(JSON.stringify(right.length));
