import type { Program } from '../pipelines.js';
import { functionsText, wideText } from './wide.js';

export type Draw = 'uniform' | 'bernoulli' | 'normal';

/** Threads of a workgroup; each fills four numbers. */
export const drawThreads = 64;
export const numbersPerThread = 4;

/** Philox 4x32-10; the core's philox.ts has the source. */
const philoxText = `
fn philox(block: u32) -> vec4u {
  var c = vec4u(block, 0u, 0u, 0u);
  var k = vec2u(at.key0, at.key1);
  for (var round = 0; round < 10; round++) {
    let a = multiply(0xd2511f53u, c.x);
    let b = multiply(0xcd9e8d57u, c.z);
    c = vec4u(b.y ^ c.y ^ k.x, b.x, a.y ^ c.w ^ k.y, a.x);
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;

const drawText: Readonly<Record<Draw, string>> = {
  // 23 bits and a half: exact in single precision.
  uniform: 'let numbers = (vec4f(words >> vec4u(9u)) + 0.5) * 0x1p-23f;',
  bernoulli: 'let numbers = select(vec4f(), vec4f(1.0), words < vec4u(at.threshold)) + f32(at.certain);',
  normal: 'let numbers = vec4f(normal_pair(words.x, words.y), normal_pair(words.z, words.w));',
};

/** Fills a tensor with the numbers of a Philox key: the bits of the core's `Rng`. */
export function drawProgram(draw: Draw): Program {
  return {
    bindings: [{ name: 'numbers_out', access: 'read_write' }],
    constants: ['key0', 'key1', 'count', 'threshold', 'certain'].map((name) => [name, 'u32']),
    body: `${wideText}${draw === 'normal' ? functionsText : ''}${philoxText}

@compute @workgroup_size(${drawThreads})
fn main(@builtin(global_invocation_id) thread: vec3u) {
  let block = thread.x;
  if (block * 4u >= at.count) { return; }
  let words = philox(block);
  ${drawText[draw]}
  for (var i = 0u; i < 4u; i++) {
    if (block * 4u + i < at.count) { numbers_out[block * 4u + i] = numbers[i]; }
  }
}`,
  };
}
