import { constants, gunzipSync } from 'node:zlib';
import { invalidFile } from './files.js';
import { tooLarge } from './zip.js';

/** Numbers of an IDX file of unsigned bytes. */
export interface IdxBytes {
  /** Sizes of the dimensions, the first being the number of examples. */
  readonly shape: readonly number[];
  readonly values: Uint8Array;
}

/** The largest unpacked file that is read; the images of MNIST have 47 million bytes. */
const largest = 2 ** 28;
/** "0x08: unsigned byte". */
const unsignedByte = 8;

/**
 * Reads an IDX file of unsigned bytes (LeCun, "The MNIST database": magic 0, 0, type, number of dimensions; the dimensions,
 * 4 bytes each, high byte first; the numbers, last dimension fastest), packed by gzip or not.
 *
 * Errors: RNNX_DATA_INVALID with the byte offset; RNNX_DATA_UNSAFE where it unpacks to more than 256 MiB.
 *
 * @param path for messages
 * @param dimensions how many there must be
 */
export function readIdx(bytes: Buffer, path: string, dimensions: number): IdxBytes {
  const header = 4 + 4 * dimensions;
  const magic = unsignedByte * 256 + dimensions;
  if (bytes.length < header)
    throw invalidFile(path, bytes.length, 'the end of the file', `a header of ${header} bytes`);
  const found = bytes.readUInt32BE(0);
  if (found !== magic)
    throw invalidFile(path, 0, `magic number ${found}`, `${magic}: unsigned bytes of ${dimensions} dimensions`);
  const shape = Array.from({ length: dimensions }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const size = shape.reduce((product, n) => product * n, 1);
  const rest = bytes.length - header;
  if (rest < size)
    throw invalidFile(
      path,
      bytes.length,
      'the end of the file',
      `${size} bytes after the header, of ${shape.join(' x ')}`,
    );
  if (rest > size)
    throw invalidFile(
      path,
      header + size,
      `${rest - size} bytes more`,
      `the end of the file after ${shape.join(' x ')}`,
    );
  return { shape, values: bytes.subarray(header) };
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Unpacks a gzip file. Errors: RNNX_DATA_INVALID with the byte of the packed file at which it breaks; RNNX_DATA_UNSAFE.
 *
 * @param path for messages
 */
export function unpackGzip(bytes: Buffer, path: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: largest });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(path, 0, largest, cause);
    const cut = code === 'Z_BUF_ERROR';
    throw invalidFile(
      path,
      cut ? bytes.length : breakOf(bytes),
      cut ? 'the end of the file' : message,
      'a whole gzip stream',
    );
  }
}

/** The first byte with which the beginning of a damaged stream cannot be unpacked. */
function breakOf(bytes: Buffer): number {
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    try {
      gunzipSync(bytes.subarray(0, middle), { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: largest });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return bad - 1;
}
