import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { RnnxError } from '@rnnx/core';

/** A text file, and what identifies it. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
  readonly bytes: number;
  /** SHA-256 of the bytes, in lower-case hexadecimal digits. */
  readonly sha256: string;
}

/**
 * Reads a whole text file. A byte order mark at its start is dropped.
 *
 * Errors: RNNX_DATA_MISSING, RNNX_DATA_CHECKSUM, RNNX_DATA_ENCODING.
 *
 * @param expected the SHA-256 that the file must have
 * @param checksumRemedy what to do where it has another one
 */
export async function readText(
  path: string,
  expected?: string,
  checksumRemedy = 'replace the file, or correct the checksum in the configuration',
): Promise<TextFile> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw missing(path, cause);
  });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (expected !== undefined && sha256 !== expected.toLowerCase())
    throw checksumError(path, sha256, expected, checksumRemedy);
  const invalid = firstInvalidByte(bytes);
  if (invalid !== undefined) {
    const line = bytes.subarray(0, invalid).filter((byte) => byte === 10).length + 1;
    throw new RnnxError('RNNX_DATA_ENCODING', `${path} is not valid UTF-8`, {
      got: `byte 0x${bytes[invalid]!.toString(16).padStart(2, '0')} at offset ${invalid} (line ${line})`,
      expected: 'text in UTF-8',
      remedy: `convert it first, for instance: iconv -f ISO-8859-1 -t UTF-8 ${JSON.stringify(path)}`,
    });
  }
  return { path, text: new TextDecoder().decode(bytes), bytes: bytes.length, sha256 };
}

export function missing(path: string, cause?: NodeJS.ErrnoException): RnnxError {
  const why = cause?.code === undefined || cause.code === 'ENOENT' ? 'no such file' : cause.code;
  return new RnnxError('RNNX_DATA_MISSING', `Cannot read ${path}`, {
    got: why,
    expected: 'a text file that this user may read',
    remedy: 'correct the path (relative paths start at --data-dir, or else at the working directory)',
    cause,
  });
}

export function checksumError(path: string, got: string, expected: string, remedy: string): RnnxError {
  return new RnnxError('RNNX_DATA_CHECKSUM', `${path} is not the file that was expected`, {
    got: `SHA-256 ${got}`,
    expected: `SHA-256 ${expected.toLowerCase()}`,
    remedy,
  });
}

/** SHA-256 of a file of any size, in hexadecimal digits. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

export async function kindOf(path: string): Promise<'file' | 'folder' | 'nothing'> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return 'nothing';
  return found.isDirectory() ? 'folder' : 'file';
}

/** Offset of the first byte that begins no valid UTF-8 sequence (RFC 3629), or `undefined`. */
export function firstInvalidByte(bytes: Uint8Array): number | undefined {
  if (isUtf8(bytes)) return undefined;
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i]!;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (i + length > bytes.length || !isUtf8(bytes.subarray(i, i + length))) return i;
    i += length;
  }
  return undefined;
}
