import type { HostTensor } from '@rnnx/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { decodeSafetensors, encodeSafetensors } from '../../../../cli/dist/run-folder/safetensors.js';
import { failureOf } from '../helpers.js';

const tensors: Record<string, HostTensor> = {
  'layer-0/recurrent': { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
  scalar: { shape: [], data: Float32Array.of(-0.5) },
  empty: { shape: [0, 4], data: new Float32Array(0) },
};

const headerOf = (file: Uint8Array) => {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  return { length, json: JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) };
};

/** A file with any header over the values of one float. */
function fileWith(header: unknown, valueBytes = 4): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + valueBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

describe('safetensors', () => {
  it('has the layout of the format: length, JSON header padded with spaces to 8, values', () => {
    const file = encodeSafetensors({ tensors, metadata: { a: 'b' } });
    const { length, json } = headerOf(file);
    expect(length % 8).to.equal(0);
    expect(json['layer-0/recurrent']).to.deep.equal({ dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] });
    expect(json.scalar).to.deep.equal({ dtype: 'F32', shape: [], data_offsets: [24, 28] });
    expect(json.__metadata__).to.include({ a: 'b' });
    expect(file.length).to.equal(8 + length + 28);
    expect(new DataView(file.buffer).getFloat32(8 + length + 24, true)).to.equal(-0.5);
  });

  it('gives back names, shapes, bits and metadata, also from a pooled buffer', () => {
    const pooled = Buffer.concat([Buffer.from('xyz'), encodeSafetensors({ tensors, metadata: { a: 'b' } })]).subarray(
      3,
    );
    const { tensors: read, metadata } = decodeSafetensors(pooled, 'file');
    expect(read).to.deep.equal(tensors);
    expect(metadata).to.deep.equal({ a: 'b' });
  });

  it('keeps every bit of any values', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z/-]{1,12}$/), fc.float32Array({ maxLength: 9 })), (values) => {
        const some = Object.fromEntries(
          Object.entries(values).map(([name, data]) => [name, { shape: [data.length], data }]),
        );
        const back = decodeSafetensors(encodeSafetensors({ tensors: some, metadata: {} }), 'file').tensors;
        for (const [name, { data }] of Object.entries(some))
          expect(new Uint8Array(back[name]!.data.buffer)).to.deep.equal(new Uint8Array(data.slice().buffer));
      }),
      { numRuns: 50 },
    );
  });

  it('notices any damaged byte of the values', async () => {
    const file = encodeSafetensors({ tensors, metadata: {} });
    file[file.length - 2]! ^= 1;
    const error = await failureOf(() => decodeSafetensors(file, 'last.safetensors'));
    expect(error.code).to.equal('RNNX_CHECKPOINT_CORRUPT');
    expect(error.message).to.include('last.safetensors');
    expect(error.details.got).to.match(/checksum/);
  });

  const one = (entry: object) => ({ x: { dtype: 'F32', shape: [1], data_offsets: [0, 4], ...entry } });
  const damaged: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an empty file', new Uint8Array(0), /0 bytes/],
    ['a header longer than the file', fileWith({}).fill(0xff, 0, 8), /header of \d+ bytes/],
    ['a header that is not JSON', fileWith('not json'), /not JSON/],
    ['a header that is a list', fileWith('[]'), /no object/],
    ['another type', fileWith(one({ dtype: 'F16' })), /"F16"/],
    ['no type', fileWith({ x: null }), /"x" of type/],
    ['a negative size', fileWith(one({ shape: [-1] })), /shape \[-1\]/],
    ['offsets that are none', fileWith(one({ data_offsets: [0] })), /"x" at \[0\]/],
    ['a shape that does not fill its place', fileWith(one({ shape: [2] })), /bytes 0 to 4/],
    ['a hole between tensors', fileWith(one({ data_offsets: [4, 8] }), 8), /bytes 4 to 8/],
    ['a file cut short', encodeSafetensors({ tensors, metadata: {} }).slice(0, -1), /27 bytes/],
    ['bytes too many', fileWith(one({}), 5), /5 bytes of values/],
  ];
  for (const [what, file, got] of damaged)
    it(`refuses ${what}`, async () => {
      const error = await failureOf(() => decodeSafetensors(file, 'file'));
      expect(error.code).to.equal('RNNX_CHECKPOINT_CORRUPT');
      expect(error.details.got).to.match(got);
    });
});
