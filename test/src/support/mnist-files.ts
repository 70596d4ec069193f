import { gzipSync } from 'node:zlib';
import { createRng } from '@rnnx/core';

/** An IDX file of unsigned bytes. */
export function idx(shape: readonly number[], values: Uint8Array, magic = 0x800 + shape.length): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(magic, 0);
  for (const [axis, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, values]);
}

export interface TinyMnist {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** So many images of random pixels; image n has the label n modulo 10. */
export function tinyMnist(count: number, seed = 1): TinyMnist {
  const pixels = createRng(seed).uniforms(count * 784);
  return {
    images: Uint8Array.from(pixels, (u) => Math.floor(u * 256)),
    labels: Uint8Array.from({ length: count }, (_, n) => n % 10),
  };
}

/** The four files, packed. */
export function mnistFolder(train: TinyMnist, test: TinyMnist): Record<string, Uint8Array> {
  const images = (of: TinyMnist) => gzipSync(idx([of.labels.length, 28, 28], of.images));
  const labels = (of: TinyMnist) => gzipSync(idx([of.labels.length], of.labels));
  return {
    'train-images-idx3-ubyte.gz': images(train),
    'train-labels-idx1-ubyte.gz': labels(train),
    't10k-images-idx3-ubyte.gz': images(test),
    't10k-labels-idx1-ubyte.gz': labels(test),
  };
}
