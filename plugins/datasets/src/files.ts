import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { RnnxError } from '@rnnx/core';

/** What identifies a file. */
export interface FileIdentity {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of the bytes, in lower-case hexadecimal digits. */
  readonly sha256: string;
}

export interface TextFile extends FileIdentity {
  readonly text: string;
}

export interface BinaryFile extends FileIdentity {
  readonly content: Buffer;
}

/** Files above this size are no data of ours; reading one would only fill the memory. */
const largestFile = 2 ** 30;

/**
 * Reads a whole file.
 *
 * Errors: RNNX_DATA_MISSING, RNNX_DATA_UNSAFE above 1 GiB, RNNX_DATA_CHECKSUM.
 *
 * @param expected the SHA-256 that the file must have
 * @param checksumRemedy what to do where it has another one
 */
export async function readBinary(
  path: string,
  expected?: string,
  checksumRemedy = 'replace the file, or correct the checksum in the configuration',
): Promise<BinaryFile> {
  const refuse = (cause: NodeJS.ErrnoException) => {
    throw missing(path, cause);
  };
  const { size } = await stat(path).catch(refuse);
  if (size > largestFile)
    throw new RnnxError('RNNX_DATA_UNSAFE', `${path} is too large to be read whole`, {
      got: `${size} bytes`,
      expected: `at most ${largestFile} bytes`,
      remedy: 'correct the path, or cut the file',
    });
  const content = await readFile(path).catch(refuse);
  const sha256 = createHash('sha256').update(content).digest('hex');
  if (expected !== undefined && sha256 !== expected.toLowerCase())
    throw checksumError(path, sha256, expected, checksumRemedy);
  return { path, content, bytes: content.length, sha256 };
}

/**
 * Reads a whole text file. A byte order mark at its start is dropped.
 *
 * Errors: as `readBinary`, and RNNX_DATA_ENCODING.
 */
export async function readText(path: string, expected?: string, checksumRemedy?: string): Promise<TextFile> {
  const { content, ...identity } = await readBinary(path, expected, checksumRemedy);
  const invalid = firstInvalidByte(content);
  if (invalid !== undefined) {
    const line = content.subarray(0, invalid).filter((byte) => byte === 10).length + 1;
    throw new RnnxError('RNNX_DATA_ENCODING', `${path} is not valid UTF-8`, {
      got: `byte 0x${content[invalid]!.toString(16).padStart(2, '0')} at offset ${invalid} (line ${line})`,
      expected: 'text in UTF-8',
      remedy: `convert it first, for instance: iconv -f ISO-8859-1 -t UTF-8 ${JSON.stringify(path)}`,
    });
  }
  return { ...identity, text: new TextDecoder().decode(content) };
}

export function missing(path: string, cause?: NodeJS.ErrnoException): RnnxError {
  const why = cause?.code === undefined || cause.code === 'ENOENT' ? 'no such file' : cause.code;
  return new RnnxError('RNNX_DATA_MISSING', `Cannot read ${path}`, {
    got: why,
    expected: 'a file that this user may read',
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

/** RNNX_DATA_INVALID: the content at an offset is not of its form. */
export function invalidFile(
  path: string,
  offset: number | string,
  got: string,
  expected: string,
  remedy?: string,
): RnnxError {
  return new RnnxError('RNNX_DATA_INVALID', `${path} cannot be read at byte ${offset}`, {
    got,
    expected,
    remedy: remedy ?? 'get the file again from its source; docs/datasets.md names it',
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
