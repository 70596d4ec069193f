import * as tf from '@tensorflow/tfjs';
import { philox } from './philox.js';

/**
 * Random numbers that are a pure function of seed and stream name: nothing is consumed, so calling a method twice gives
 * the same numbers twice. Take a stream per purpose (`rng.stream('layer-0')`). Numbers are made on the host in double
 * precision and rounded once to float32, so every backend sees the same bits, also after a resume.
 */
export interface Rng {
  /** An independent generator, named below this one. */
  stream(name: string): Rng;

  /** Uniform in the open interval (0, 1), multiples of 2^-24; float32 tensor. */
  uniform(shape: readonly number[]): tf.Tensor;
  /** Standard normal by Box and Muller; float32 tensor. */
  normal(shape: readonly number[]): tf.Tensor;
  /** 1 with probability `keep`, else 0; float32 tensor. */
  bernoulli(shape: readonly number[], keep: number): tf.Tensor;

  /** Host versions of the same numbers. */
  uniforms(count: number): Float32Array;
  normals(count: number): Float32Array;
  /** A random order of 0 .. count-1 (Fisher and Yates). */
  permutation(count: number): Int32Array;
  /**
   * Four 32-bit words for one element and one attempt: for samplers that reject, each element with numbers of its own.
   */
  words(element: number, attempt: number, out: Uint32Array): void;
}

class PhiloxRng implements Rng {
  readonly #key0: number;
  readonly #key1: number;

  constructor(key0: number, key1: number) {
    this.#key0 = key0;
    this.#key1 = key1;
  }

  stream(name: string): Rng {
    // A chained keyed hash on Philox itself: absorb the name 12 bytes a block, the length in the last word.
    const bytes = new TextEncoder().encode(name);
    const padded = new Uint8Array(Math.max(12, Math.ceil(bytes.length / 12) * 12));
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    const out = new Uint32Array(4);
    let [key0, key1] = [this.#key0, this.#key1];
    for (let offset = 0; offset < padded.length; offset += 12) {
      const word = (at: number) => view.getUint32(offset + at, true);
      // The top bit keeps naming apart from drawing, whose fourth counter word stays below 2^31.
      philox(word(0), word(4), word(8), (0x80000000 | bytes.length) >>> 0, key0, key1, out);
      key0 = out[0]!;
      key1 = out[1]!;
    }
    return new PhiloxRng(key0, key1);
  }

  uniforms(count: number): Float32Array {
    const values = new Float32Array(count);
    this.#eachBlock(count, (i, words) => {
      const n = Math.min(4, count - i);
      for (let j = 0; j < n; j++) values[i + j] = ((words[j]! >>> 9) + 0.5) * 2 ** -23;
    });
    return values;
  }

  normals(count: number): Float32Array {
    const values = new Float32Array(count);
    this.#eachBlock(count, (i, words) => {
      for (let j = 0; j < 4 && i + j < count; j += 2) {
        const radius = Math.sqrt(-2 * Math.log((words[j]! + 0.5) * 2 ** -32));
        const angle = words[j + 1]! * (2 * Math.PI * 2 ** -32);
        values[i + j] = radius * Math.cos(angle);
        if (i + j + 1 < count) values[i + j + 1] = radius * Math.sin(angle);
      }
    });
    return values;
  }

  uniform(shape: readonly number[]): tf.Tensor {
    return tf.tensor(this.uniforms(size(shape)), [...shape], 'float32');
  }

  normal(shape: readonly number[]): tf.Tensor {
    return tf.tensor(this.normals(size(shape)), [...shape], 'float32');
  }

  bernoulli(shape: readonly number[], keep: number): tf.Tensor {
    const count = size(shape);
    const values = new Float32Array(count);
    const threshold = keep * 2 ** 32;
    this.#eachBlock(count, (i, words) => {
      const n = Math.min(4, count - i);
      for (let j = 0; j < n; j++) values[i + j] = words[j]! < threshold ? 1 : 0;
    });
    return tf.tensor(values, [...shape], 'float32');
  }

  permutation(count: number): Int32Array {
    const order = Int32Array.from({ length: count }, (_, i) => i);
    const words = new Uint32Array(4);
    for (let i = count - 1; i > 0; i--) {
      this.words(i, 0, words);
      // 53 random bits make the bias of the product below 2^-20 for any array that fits in memory.
      const unit = (words[0]! * 2 ** 21 + (words[1]! >>> 11)) * 2 ** -53;
      const j = Math.floor(unit * (i + 1));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  words(element: number, attempt: number, out: Uint32Array): void {
    philox(element >>> 0, Math.floor(element / 2 ** 32), attempt, 1, this.#key0, this.#key1, out);
  }

  #eachBlock(count: number, use: (first: number, words: Uint32Array) => void): void {
    const words = new Uint32Array(4);
    for (let i = 0, block = 0; i < count; i += 4, block++) {
      philox(block, 0, 0, 0, this.#key0, this.#key1, words);
      use(i, words);
    }
  }
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** The root generator of a run. `seed` is a whole number from 0 to 2^53 - 1. */
export function createRng(seed: number): Rng {
  return new PhiloxRng(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0);
}
