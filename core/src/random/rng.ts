import * as tf from '@tensorflow/tfjs';
import { RnnxError } from '../errors.js';
import { fusedKernels } from '../recurrence/fused.js';
import { philox, philoxFill } from './philox.js';

/**
 * Random numbers that are a pure function of seed and stream name: nothing is consumed, so calling a method twice gives
 * the same numbers twice, and two methods of one stream give dependent numbers. Take a stream per purpose
 * (`rng.stream('layer-0')`). Numbers are made on the host in double precision and rounded once to float32, so every
 * backend sees the same bits, also after a resume. A shorter draw is the beginning of a longer one.
 */
export interface Rng {
  /** An independent generator, named below this one. */
  stream(name: string): Rng;

  /** Uniform in the open interval (0, 1), odd multiples of 2^-24; float32 tensor. */
  uniform(shape: readonly number[]): tf.Tensor;
  /** Standard normal by Box and Muller (1958), |value| < 6.8; float32 tensor. */
  normal(shape: readonly number[]): tf.Tensor;
  /** 1 with probability `keep`, else 0; float32 tensor. Errors: RNNX_OPTION_INVALID where keep is not in [0, 1]. */
  bernoulli(shape: readonly number[], keep: number): tf.Tensor;
  /**
   * A dropout mask of mean 1: what `bernoulli` draws, divided by `keep`, in one pass. Errors: RNNX_OPTION_INVALID where keep
   * is not in (0, 1].
   */
  dropoutMask(shape: readonly number[], keep: number): tf.Tensor;

  /** Host versions of the same numbers. */
  uniforms(count: number): Float32Array;
  normals(count: number): Float32Array;
  /**
   * Uniform in the open interval (0, 1), odd multiples of 2^-33: finer tails than `uniforms`, for inverse distribution
   * functions worked out in double precision. u and 1 - u are both exact and neither is 0.
   */
  doubles(count: number): Float64Array;
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
    let key0 = this.#key0;
    let key1 = this.#key1;
    for (let offset = 0; offset < padded.length; offset += 12) {
      const word = (at: number) => view.getUint32(offset + at, true);
      // The top bit keeps naming apart from drawing, whose fourth counter word is 0 or 1.
      philox(word(0), word(4), word(8), 0x80000000 | bytes.length, key0, key1, out);
      key0 = out[0]!;
      key1 = out[1]!;
    }
    return new PhiloxRng(key0, key1);
  }

  uniforms(count: number): Float32Array {
    const fills = fusedKernels().fills;
    if (fills !== undefined) return this.#filled(count, (out) => fills.uniforms(this.#key0, this.#key1, out));
    const words = this.#words(count);
    const values = new Float32Array(words.buffer);
    for (let i = 0; i < count; i++) values[i] = ((words[i]! >>> 9) + 0.5) * 2 ** -23;
    return values;
  }

  normals(count: number): Float32Array {
    const fills = fusedKernels().fills;
    if (fills !== undefined) return this.#filled(count, (out) => fills.normals(this.#key0, this.#key1, out));
    // An odd count drops the last partner, so that it begins the longer draw.
    const words = this.#words(count + (count & 1));
    const values = new Float32Array(words.buffer);
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((words[i]! + 0.5) * 2 ** -32));
      const angle = words[i + 1]! * (2 * Math.PI * 2 ** -32);
      values[i] = radius * Math.cos(angle);
      values[i + 1] = radius * Math.sin(angle);
    }
    return values.length === count ? values : values.slice(0, count);
  }

  doubles(count: number): Float64Array {
    const words = this.#words(count);
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = (words[i]! + 0.5) * 2 ** -32;
    return values;
  }

  uniform(shape: readonly number[]): tf.Tensor {
    const drawn = fusedKernels().draws?.uniform(this.#key0, this.#key1, shape);
    if (drawn !== undefined) return drawn;
    return tf.tensor(this.uniforms(tf.util.sizeFromShape([...shape])), [...shape], 'float32');
  }

  normal(shape: readonly number[]): tf.Tensor {
    const drawn = fusedKernels().draws?.normal(this.#key0, this.#key1, shape);
    if (drawn !== undefined) return drawn;
    return tf.tensor(this.normals(tf.util.sizeFromShape([...shape])), [...shape], 'float32');
  }

  bernoulli(shape: readonly number[], keep: number): tf.Tensor {
    if (!(keep >= 0 && keep <= 1)) throw noKeepProbability(keep, 'a number from 0 to 1');
    const onDevice = fusedKernels().draws?.bernoulli(this.#key0, this.#key1, keep, shape);
    if (onDevice !== undefined) return onDevice;
    const count = tf.util.sizeFromShape([...shape]);
    const fills = fusedKernels().fills;
    if (fills !== undefined) {
      const drawn = this.#filled(count, (out) => fills.bernoulli(this.#key0, this.#key1, keep, out));
      return tf.tensor(drawn, [...shape], 'float32');
    }
    const words = this.#words(count);
    const values = new Float32Array(words.buffer);
    const threshold = keep * 2 ** 32;
    for (let i = 0; i < words.length; i++) values[i] = words[i]! < threshold ? 1 : 0;
    return tf.tensor(values, [...shape], 'float32');
  }

  dropoutMask(shape: readonly number[], keep: number): tf.Tensor {
    if (!(keep > 0 && keep <= 1)) throw noKeepProbability(keep, 'a number above 0, at most 1');
    // As a division of float32 tensors rounds.
    const kept = Math.fround(1 / Math.fround(keep));
    const drawn = fusedKernels().draws?.scaledBernoulli?.(this.#key0, this.#key1, keep, kept, shape);
    return drawn ?? tf.tidy(() => tf.mul(this.bernoulli(shape, keep), kept));
  }

  permutation(count: number): Int32Array {
    const order = new Int32Array(count);
    const words = new Uint32Array(4);
    for (let i = 0; i < count; i++) order[i] = i;
    for (let i = count - 1; i > 0; i--) {
      this.words(i, 0, words);
      // 53 random bits make the bias of the product below 2^-20 for any array that fits in memory.
      const unit = (words[0]! * 2 ** 21 + (words[1]! >>> 11)) * 2 ** -53;
      const j = Math.floor(unit * (i + 1));
      const moved = order[i]!;
      order[i] = order[j]!;
      order[j] = moved;
    }
    return order;
  }

  words(element: number, attempt: number, out: Uint32Array): void {
    philox(element, Math.floor(element / 2 ** 32), attempt, 1, this.#key0, this.#key1, out);
  }

  #filled(count: number, fill: (out: Float32Array) => void): Float32Array {
    const values = new Float32Array(count);
    fill(values);
    return values;
  }

  /** Fresh words; the float32 draws are written over them in place. */
  #words(count: number): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(count);
    philoxFill(words, this.#key0, this.#key1);
    return words;
  }
}

function noKeepProbability(keep: number, expected: string): RnnxError {
  return new RnnxError('RNNX_OPTION_INVALID', 'A Bernoulli draw needs a keep probability', {
    got: String(keep),
    expected,
    remedy: 'give the probability that an element is kept, as a fraction and not in percent',
  });
}

/**
 * The root generator of a run.
 *
 * Errors: RNNX_SEED_INVALID.
 *
 * @param seed a whole number from 0 to 2^53 - 1
 */
export function createRng(seed: number): Rng {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RnnxError('RNNX_SEED_INVALID', 'The seed is not usable', {
      got: typeof seed === 'number' ? String(seed) : `${String(seed)} (${typeof seed})`,
      expected: `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
      remedy: 'give another seed; any such number is as good as any other',
    });
  return new PhiloxRng(seed | 0, Math.floor(seed / 2 ** 32));
}
