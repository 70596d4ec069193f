import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PbfReader } from 'pbf';
import { EventFile, maskedChecksum, tfRecord } from '../../../../cli/dist/run-folder/tensorboard.js';
import { failureOf, temporaryFolder } from '../helpers.js';

interface Event {
  time?: number;
  step?: number;
  version?: string;
  session?: number;
  values: Record<string, number>;
}

/** Reads an event file with checks of its own, after event.proto and summary.proto. */
function readEvents(file: Uint8Array): Event[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const events: Event[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).to.equal(maskedChecksum(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(at + 12 + length, true)).to.equal(maskedChecksum(data));
    events.push(new PbfReader(data).readFields(readEvent, { values: {} } as Event));
    at += 16 + length;
  }
  return events;
}

function readEvent(tag: number, event: Event, reader: PbfReader): void {
  if (tag === 1) event.time = reader.readDouble();
  if (tag === 2) event.step = reader.readVarint();
  if (tag === 3) event.version = reader.readString();
  if (tag === 5)
    reader.readMessage((field, _, summary) => {
      if (field !== 1) return;
      const value = summary.readMessage(
        (inner, entry, pbf) => {
          if (inner === 1) entry.tag = pbf.readString();
          if (inner === 2) entry.value = pbf.readFloat();
        },
        { tag: '', value: Number.NaN },
      );
      event.values[value.tag] = value.value;
    }, null);
  if (tag === 7)
    event.session = reader.readMessage(
      (field, log, pbf) => {
        if (field === 1) log.status = pbf.readVarint();
      },
      { status: 0 },
    ).status;
}

describe('TensorBoard event file', () => {
  const folder = temporaryFolder();

  it('masks the CRC-32C as TFRecord wants it', () => {
    // CRC-32C("123456789") = e3069283, the check value of the Castagnoli polynomial; rotated by 15, plus a282ead8.
    const crc = 0xe3069283;
    const rotated = ((crc >>> 15) | (crc << 17)) >>> 0;
    expect(maskedChecksum(new TextEncoder().encode('123456789'))).to.equal((rotated + 0xa282ead8) % 2 ** 32);
    expect(tfRecord(Uint8Array.of(1, 2, 3))).to.have.length(8 + 4 + 3 + 4);
  });

  it('holds the version first, then scalars by step', () => {
    const file = new EventFile(folder.path);
    file.scalars(7, { 'step/loss': 2.5, 'step/learning_rate': 0.25 });
    file.scalars(300, { 'step/loss': 1.5 });
    file.close();
    const events = readEvents(readFileSync(file.path));
    expect(events[0]!.version).to.equal('brain.Event:2');
    expect(events.slice(1).map(({ step, values }) => ({ step, values }))).to.deep.equal([
      { step: 7, values: { 'step/loss': 2.5, 'step/learning_rate': 0.25 } },
      { step: 300, values: { 'step/loss': 1.5 } },
    ]);
    expect(events[1]!.time).to.be.closeTo(Date.now() / 1000, 60);
    expect(file.path).to.match(/events\.out\.tfevents\.\d+/);
  });

  it('tells TensorBoard from where a resumed run replaces what was there', () => {
    const file = new EventFile(folder.path, 42);
    file.close();
    expect(readEvents(readFileSync(file.path))[1]).to.include({ step: 42, session: 1 });
  });

  it('says that it cannot be written', async () => {
    const path = join(folder.path, 'a-file');
    writeFileSync(path, '');
    expect((await failureOf(() => new EventFile(path))).code).to.equal('RNNX_RUN_UNWRITABLE');
  });
});
