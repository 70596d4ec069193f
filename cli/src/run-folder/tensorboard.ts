import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import crc32c from 'crc-32/crc32c.js';
import { PbfWriter } from 'pbf';
import { unwritable } from './files.js';

/**
 * A TensorBoard event file: TFRecords of `tensorflow.Event` messages. Field numbers are those of event.proto and
 * summary.proto.
 */
export class EventFile {
  readonly path: string;
  readonly #file: number;

  /**
   * Errors: RNNX_RUN_UNWRITABLE.
   *
   * @param resumedAt global step from which a resumed run goes on; TensorBoard then drops what earlier files have after it
   */
  constructor(folder: string, resumedAt?: number) {
    const now = Date.now();
    // Sorted by name, so a resumed run's file has to come after the ones before it.
    this.path = join(folder, `events.out.tfevents.${String(now).padStart(15, '0')}.${process.pid}.rnnx`);
    try {
      this.#file = openSync(this.path, 'wx');
    } catch (error) {
      throw unwritable(this.path, error);
    }
    this.#append((event) => event.writeStringField(3, 'brain.Event:2'));
    if (resumedAt !== undefined)
      this.#append((event) => {
        event.writeVarintField(2, resumedAt);
        event.writeMessage(7, (_: null, log: PbfWriter) => log.writeVarintField(1, 1), null); // SessionLog START
      });
  }

  /** Errors: RNNX_RUN_UNWRITABLE. */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    this.#append((event) => {
      event.writeVarintField(2, step);
      event.writeMessage(5, writeSummary, values);
    });
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(write: (event: PbfWriter) => void): void {
    const event = new PbfWriter();
    event.writeDoubleField(1, Date.now() / 1000);
    write(event);
    try {
      writeSync(this.#file, tfRecord(event.finish()));
    } catch (error) {
      throw unwritable(this.path, error);
    }
  }
}

function writeSummary(values: Readonly<Record<string, number>>, summary: PbfWriter): void {
  for (const [tag, value] of Object.entries(values))
    summary.writeMessage(
      1,
      (_: null, entry: PbfWriter) => {
        entry.writeStringField(1, tag);
        entry.writeFloatField(2, value);
      },
      null,
    );
}

/** Length, masked CRC-32C of the length, data, masked CRC-32C of the data; all little endian. */
export function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedChecksum(data), true);
  return record;
}

/** Rotated and shifted, so that the checksum of data that holds checksums stays useful. */
export function maskedChecksum(data: Uint8Array): number {
  const sum = crc32c.buf(data, 0) >>> 0;
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
