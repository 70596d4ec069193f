import { inflateRawSync } from 'node:zlib';
import { RnnxError } from '@rnnx/core';
import { invalidFile } from './files.js';

export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4; // "PK" 3 4
}

const deflated = 8;
const encrypted = 1;

/**
 * The first file of a zip archive: local header, then a deflated stream (APPNOTE 6.3.10, section 4.3.7).
 *
 * Errors: RNNX_DATA_INVALID, and RNNX_DATA_UNSAFE where it inflates to more than `largest` bytes.
 */
export function firstOfZip(bytes: Buffer, path: string, largest: number): Buffer {
  if (!isZip(bytes)) throw invalidFile(path, 0, 'no zip signature', '"PK" 3 4');
  if (bytes.length < 30) throw invalidFile(path, bytes.length, 'the end of the file', 'a local header of 30 bytes');
  const method = bytes.readUInt16LE(8);
  if (method !== deflated || bytes.readUInt16LE(6) & encrypted)
    throw invalidFile(path, 8, `compression method ${method}`, `a deflated file without password (method ${deflated})`);
  const start = 30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
  try {
    return inflateRawSync(bytes.subarray(start), { maxOutputLength: largest });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(path, start, largest, cause);
    throw invalidFile(path, start, message, 'a whole deflated stream');
  }
}

/** A compressed stream grows beyond its bound. */
export function tooLarge(path: string, offset: number, largest: number, cause: unknown): RnnxError {
  return new RnnxError('RNNX_DATA_UNSAFE', `${path} inflates without bound at byte ${offset}`, {
    got: `more than ${largest} bytes`,
    expected: `at most ${largest} bytes`,
    remedy: 'do not use this file: no data set is of that size',
    cause,
  });
}
