import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Dataset, LabelledSplit, SplitName } from '@rnnx/core';
import { pixelOrder } from '@rnnx/datasets';
import { expect } from 'chai';
import { requireData } from '../../support/data.js';
import { load, rejection, useFolder } from '../../support/datasets.js';
import { useServer } from '../../support/file-server.js';
import { idx, mnistFolder, tinyMnist } from '../../support/mnist-files.js';

const name = 'sequential-mnist';
const train = tinyMnist(12);
const test = tinyMnist(5, 2);

function splitOf(dataset: Dataset, split: SplitName): LabelledSplit {
  const found = dataset.splits[split];
  if (found.kind !== 'labelled') throw new Error('not labelled');
  return found;
}

const small = { name, verify: false, validation: 4 };

describe('sequential MNIST', () => {
  const folder = useFolder();
  beforeEach(() => folder.write(mnistFolder(train, test)));
  const here = () => ({ dataDir: folder.path });

  it('reads pixels row by row in [0, 1], validating on the last training images', async () => {
    const dataset = await load(small, here());
    expect(dataset.task).to.deep.include({ kind: 'classification', size: 1, metric: 'error-rate' });
    const counts = (['train', 'valid', 'test'] as const).map((split) => splitOf(dataset, split).sequences.length);
    expect(counts).to.deep.equal([8, 4, 5]);
    expect([...splitOf(dataset, 'valid').labels]).to.deep.equal([8, 9, 0, 1]);
    const expected = (of: Uint8Array, n: number) =>
      [...of.subarray(784 * n, 784 * (n + 1))].map((v) => Math.fround(v / 255));
    expect([...splitOf(dataset, 'train').sequences[1]!]).to.deep.equal(expected(train.images, 1));
    expect([...splitOf(dataset, 'valid').sequences[0]!]).to.deep.equal(expected(train.images, 8));
    expect([...splitOf(dataset, 'test').sequences[4]!]).to.deep.equal(expected(test.images, 4));
    expect(dataset.notes.join('\n'))
      .to.match(/SHA-256/)
      .and.match(/licence: Creative Commons/);
  });

  it('permutes the pixels of all images alike, by a permutation that the seed decides', async () => {
    const plain = await load(small, here());
    const permuted = await load({ ...small, permutation: 3 }, here());
    const order = pixelOrder(3);
    expect([...order].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 784 }, (_, i) => i));
    expect([...pixelOrder(3)]).to.deep.equal([...order]);
    expect([...pixelOrder(4)]).to.not.deep.equal([...order]);
    // Fixed for good: other orders would be other experiments.
    expect([...order.subarray(0, 8)]).to.deep.equal([593, 1, 114, 739, 128, 12, 179, 96]);
    for (const split of ['train', 'valid', 'test'] as const)
      for (const [n, image] of splitOf(plain, split).sequences.entries())
        expect([...splitOf(permuted, split).sequences[n]!]).to.deep.equal([...order].map((pixel) => image[pixel]!));
  });

  it('averages blocks to smaller images, which it says', async () => {
    for (const side of [14, 7, 4]) {
      const [plain, pooled] = [await load(small, here()), await load({ ...small, side }, here())];
      const block = 28 / side;
      const [image, tiny] = [plain, pooled].map((dataset) => splitOf(dataset, 'train').sequences[2]!);
      expect(tiny!.length).to.equal(side * side);
      for (const [r, c] of [
        [0, 0],
        [side - 1, 1],
        [2, side - 1],
      ] as const) {
        let sum = 0;
        for (let i = 0; i < block; i++)
          for (let j = 0; j < block; j++) sum += image![(r * block + i) * 28 + c * block + j]!;
        expect(tiny![r * side + c]!).to.be.closeTo(sum / block ** 2, 1e-6);
      }
      expect(pooled.notes.join('\n')).to.include(`${side} x ${side}`).and.include('published results');
      expect(plain.notes.join('\n')).to.not.include('published results');
      const permuted = splitOf(await load({ ...small, side, permutation: 1 }, here()), 'train').sequences[2]!;
      expect([...permuted]).to.deep.equal([...pixelOrder(1, side)].map((pixel) => tiny![pixel]!));
    }
  });

  it('takes the first so many images of each split', async () => {
    const [all, few] = [await load(small, here()), await load({ ...small, limit: 3 }, here())];
    for (const split of ['train', 'valid', 'test'] as const) {
      expect(splitOf(few, split).sequences).to.deep.equal(splitOf(all, split).sequences.slice(0, 3));
      expect([...splitOf(few, split).labels]).to.deep.equal([...splitOf(all, split).labels.slice(0, 3)]);
    }
    const many = await load({ ...small, limit: 100 }, here());
    expect(splitOf(many, 'valid').labels.length).to.equal(4);
  });

  it('reads files that are not packed, under both of their names, and in subfolders', async () => {
    const reference = splitOf(await load(small, here()), 'train');
    const packed = Object.entries(mnistFolder(train, test));
    const plain = (rename: (file: string) => string) =>
      Object.fromEntries(packed.map(([file, content]) => [rename(file.replace('.gz', '')), gunzipSync(content)]));
    await folder.write(plain((file) => `a/mnist/${file}`));
    await folder.write(plain((file) => `b/MNIST/raw/${file.replace('-idx', '.idx')}`));
    for (const where of ['a', 'b'])
      expect(splitOf(await load(small, { dataDir: join(folder.path, where) }), 'train')).to.deep.equal(reference);
  });

  it('refuses other files than the published ones, unless told not to verify', async () => {
    const error = await rejection(() => load({ name, validation: 4 }, here()));
    expect(error.code).to.equal('RNNX_DATA_CHECKSUM');
    expect(error.details.expected).to.include('ba891046');
    expect(error.details.remedy).to.include('verify');
  });

  it('refuses a part of the files, and a validation split that leaves nothing', async () => {
    await folder.write({ 'part/mnist/train-images-idx3-ubyte.gz': gzipSync(idx([12, 28, 28], train.images)) });
    const part = await rejection(() => load(small, { dataDir: join(folder.path, 'part') }));
    expect([part.code, part.details.got]).to.deep.equal(['RNNX_DATA_MISSING', 'no train-labels-idx1-ubyte.gz']);
    const nothing = await rejection(() => load({ ...small, validation: 12 }, here()));
    expect([nothing.code, nothing.details.got]).to.deep.equal(['RNNX_OPTION_INVALID', '12 of 12 images']);
  });

  const [images, labels] = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'];
  const good = idx([12, 28, 28], train.images);
  const packed = Buffer.from(gzipSync(good));
  const damaged = Buffer.from(packed);
  damaged[3000]! ^= 0xff;
  const header = good.subarray(0, 10);
  const labelled = (change: (bytes: Uint8Array) => void) => {
    const bytes = train.labels.slice();
    change(bytes);
    return idx([12], bytes);
  };
  const bad: readonly (readonly [string, string, Uint8Array, RegExp, RegExp])[] = [
    ['a wrong magic number', images!, idx([12, 28, 28], train.images, 2049), /at byte 0/, /2049[\s\S]*2051/],
    ['labels in the place of images', images!, idx([12], train.labels), /at byte 0/, /2049[\s\S]*2051/],
    ['another type of numbers', labels!, idx([12], train.labels, 0xd01), /at byte 0/, /3329[\s\S]*2049/],
    ['an empty file', images!, new Uint8Array(0), /at byte 0/, /end of the file[\s\S]*16 bytes/],
    ['a header that is cut short', images!, header, /at byte 10/, /end of the file[\s\S]*16 bytes/],
    [
      'images that are cut short',
      images!,
      good.subarray(0, 5000),
      /at byte 5000/,
      /end of the file[\s\S]*12 x 28 x 28/,
    ],
    ['more bytes than the header says', images!, Buffer.concat([good, header]), /at byte 9424/, /10 bytes more/],
    ['labels that are cut short', labels!, labelled(() => {}).subarray(0, 15), /at byte 15/, /12 bytes/],
    ['another number of labels', labels!, idx([11], train.labels.subarray(0, 11)), /at byte 4/, /11 labels[\s\S]*12/],
    ['a label above 9', labels!, labelled((bytes) => bytes.fill(10, 3, 4)), /at byte 11/, /label 10/],
    ['images of another size', images!, idx([12, 14, 56], train.images), /at byte 8/, /14 x 56[\s\S]*28 x 28/],
    [
      'a gzip stream that is cut short',
      images!,
      packed.subarray(0, 4000),
      /at byte 4000/,
      /end of the file[\s\S]*gzip/,
    ],
    ['a damaged gzip stream', images!, damaged, /at byte \d{4}/, /gzip/],
  ];
  for (const [what, file, content, summary, message] of bad)
    it(`refuses ${what}, with the byte`, async () => {
      const packed = content[0] === 0x1f;
      await folder.write({ [`${file}.gz`]: packed ? content : gzipSync(content) });
      const error = await rejection(() => load(small, here()));
      expect(error.code).to.equal('RNNX_DATA_INVALID');
      expect(error.message).to.include(file).and.match(summary).and.match(message);
      if (packed || content.length === 0) return;
      // The same where the file is not packed.
      const { [`${file}.gz`]: _, ...others } = mnistFolder(train, test);
      await folder.write(
        Object.fromEntries(Object.entries({ ...others, [file]: content }).map(([n, bytes]) => [`raw/${n}`, bytes])),
      );
      const unpacked = await rejection(() => load(small, { dataDir: join(folder.path, 'raw') }));
      expect(unpacked.message).to.include(file).and.match(summary).and.match(message);
    });

  it('finds the place of the damage in a gzip stream', async () => {
    await folder.write({ [`${images}.gz`]: damaged });
    const error = await rejection(() => load(small, here()));
    const at = Number(/at byte (\d+)/.exec(error.message)![1]);
    // The damage shows where the stream stops to make sense, at byte 3000 or later.
    expect(at).to.be.at.least(3000).and.below(packed.length);
  });

  it('refuses a wrong checksum at the end of a gzip stream', async () => {
    const wrong = Buffer.from(packed);
    wrong[wrong.length - 6]! ^= 1;
    await folder.write({ [`${images}.gz`]: wrong });
    const error = await rejection(() => load(small, here()));
    expect(error.message).to.match(/incorrect data check/);
    const at = Number(/at byte (\d+)/.exec(error.message)![1]);
    expect(at).to.be.within(packed.length - 8, packed.length - 1);
  });

  it('refuses a stream that unpacks without bound', async () => {
    await folder.write({ [`${images}.gz`]: gzipSync(Buffer.alloc(2 ** 28 + 1)) });
    const error = await rejection(() => load(small, here()));
    expect(error.code).to.equal('RNNX_DATA_UNSAFE');
  });

  it('refuses files without images', async () => {
    const none = tinyMnist(0);
    await folder.write(mnistFolder(none, test));
    expect((await rejection(() => load(small, here()))).code).to.equal('RNNX_DATA_EMPTY');
  });
});

describe('sequential MNIST from a server', () => {
  const server = useServer();
  const folder = useFolder();

  it('is downloaded once into the cache', async () => {
    for (const [file, content] of Object.entries(mnistFolder(train, test))) server.files.set(`/mnist/${file}`, content);
    const ref = { ...small, source: `${server.origin}/mnist/` };
    const first = await load(ref, { cacheDir: folder.path, offline: false });
    server.files.clear();
    const again = await load(ref, { cacheDir: folder.path });
    expect(splitOf(again, 'test')).to.deep.equal(splitOf(first, 'test'));
    const refused = await rejection(() => load({ name, source: ref.source }, { cacheDir: folder.path }));
    expect(refused.code).to.equal('RNNX_DATA_OFFLINE');
  });
});

describe('the published files of MNIST', () => {
  it('are 50,000 / 10,000 / 10,000 digits with the published labels and mean pixel', async function () {
    this.timeout(60_000);
    const dataDir = requireData(this, 'mnist/train-images-idx3-ubyte.gz');
    const dataset = await load({ name, side: 4, validation: 10_000 }, { dataDir });
    const [a, b, c] = (['train', 'valid', 'test'] as const).map((split) => splitOf(dataset, split));
    expect([a, b, c].map((split) => split!.labels.length)).to.deep.equal([50_000, 10_000, 10_000]);
    const histogram = (...splits: LabelledSplit[]) => {
      const counts = new Array<number>(10).fill(0);
      for (const { labels } of splits) for (const label of labels) counts[label]!++;
      return counts;
    };
    expect(histogram(a!, b!)).to.deep.equal([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect(histogram(c!)).to.deep.equal([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    const mean = ({ sequences }: LabelledSplit) =>
      sequences.reduce((sum, values) => sum + values.reduce((s, v) => s + v, 0) / values.length, 0) / sequences.length;
    expect((5 * mean(a!) + mean(b!)) / 6).to.be.closeTo(0.1307, 5e-5);
    expect(mean(c!)).to.be.closeTo(0.1325, 5e-5);
  });
});
