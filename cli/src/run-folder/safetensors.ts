import { type HostTensor, RnnxError } from '@rnnx/core';
import crc32c from 'crc-32/crc32c.js';

/** A safetensors file: named float32 tensors and string metadata. */
/** What to do about a damaged checkpoint. */
export const otherCheckpoint =
  'eval and generate take the other one with --checkpoint; to go on from the best epoch, copy best.safetensors over ' +
  'last.safetensors; or start the run anew';

export interface TensorFile {
  readonly tensors: Readonly<Record<string, HostTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Our own metadata key; the format itself has no checksum. */
const checksumKey = 'rnnx.crc32c';

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/**
 * Bytes of a file in the safetensors format: 8 bytes with the header's length (little endian), a JSON header, then the
 * values one tensor after another. The CRC-32C of the values is added to the metadata.
 */
export function encodeSafetensors({ tensors, metadata }: TensorFile): Uint8Array {
  const header: Record<string, unknown> = {};
  let size = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [size, size + data.byteLength] };
    size += data.byteLength;
  }
  const values = new Uint8Array(size);
  let offset = 0;
  for (const { data } of Object.values(tensors)) {
    values.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  header.__metadata__ = { ...metadata, [checksumKey]: checksum(values) };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8; // values begin aligned; the format pads with spaces
  const file = new Uint8Array(8 + padded + size).fill(0x20, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, 8);
  file.set(values, 8 + padded);
  return file;
}

/**
 * Errors: RNNX_CHECKPOINT_CORRUPT where the header is not one, a tensor is not float32 or does not fit its place, the file
 * is too short or too long, or the checksum is another.
 *
 * @param origin path, for messages
 */
export function decodeSafetensors(file: Uint8Array, origin: string): TensorFile {
  const corrupt = (got: string, expected: string) =>
    new RnnxError('RNNX_CHECKPOINT_CORRUPT', `Checkpoint ${origin} is damaged`, {
      got,
      expected,
      remedy: otherCheckpoint,
    });
  const { header, start } = readHeader(file, corrupt);
  // Not `file.subarray`: of a Buffer it is a Buffer, whose `slice` does not copy.
  const values = new Uint8Array(file.buffer, file.byteOffset + start, file.byteLength - start);
  const { __metadata__: metadata = {}, ...entries } = header as { __metadata__?: Record<string, string> };

  const tensors: Record<string, HostTensor> = {};
  let end = 0;
  const inOrder = Object.entries(entries as Record<string, Entry>).map(
    ([name, entry]) => [name, checkEntry(name, entry, corrupt)] as const,
  );
  inOrder.sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  for (const [name, { shape, data_offsets }] of inOrder) {
    const [from, to] = data_offsets;
    const bytes = 4 * shape.reduce((product, n) => product * n, 1);
    if (from !== end || to - from !== bytes)
      throw corrupt(`"${name}" in bytes ${from} to ${to}`, `bytes ${end} to ${end + bytes}`);
    if (to > values.length) throw corrupt(`${values.length} bytes of values`, `at least ${to}, which "${name}" needs`);
    tensors[name] = { shape: [...shape], data: new Float32Array(values.slice(from, to).buffer) };
    end = to;
  }
  if (end !== values.length) throw corrupt(`${values.length} bytes of values`, `${end} bytes`);
  const found = checksum(values);
  if (metadata[checksumKey] !== undefined && metadata[checksumKey] !== found)
    throw corrupt(`values with checksum ${found}`, `checksum ${metadata[checksumKey]}`);
  const { [checksumKey]: _, ...rest } = metadata;
  return { tensors, metadata: rest };
}

type Corrupt = (got: string, expected: string) => RnnxError;

function readHeader(file: Uint8Array, corrupt: Corrupt): { header: object; start: number } {
  if (file.length < 8) throw corrupt(`${file.length} bytes`, 'at least 8');
  const length = new DataView(file.buffer, file.byteOffset, file.byteLength).getBigUint64(0, true);
  if (length > BigInt(file.length - 8))
    throw corrupt(`a header of ${length} bytes in a file of ${file.length}`, 'a header within the file');
  const start = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, start)));
  } catch {
    throw corrupt('a header that is not JSON', 'a safetensors header');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw corrupt('a header that is no object', 'a safetensors header');
  return { header, start };
}

function checkEntry(name: string, entry: Entry, corrupt: Corrupt): Entry {
  if (entry?.dtype !== 'F32') throw corrupt(`"${name}" of type ${JSON.stringify(entry?.dtype)}`, 'F32');
  const whole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const places = entry.data_offsets;
  if (!Array.isArray(entry.shape) || !entry.shape.every(whole))
    throw corrupt(`"${name}" of shape ${JSON.stringify(entry.shape)}`, 'whole numbers');
  if (!Array.isArray(places) || places.length !== 2 || !places.every(whole))
    throw corrupt(`"${name}" at ${JSON.stringify(places)}`, 'two offsets');
  return entry;
}

function checksum(values: Uint8Array): string {
  return (crc32c.buf(values, 0) >>> 0).toString(16).padStart(8, '0');
}
