import { createHash } from 'node:crypto';
import {
  createRng,
  type Dataset,
  evaluationWindows,
  type FrameSplit,
  type SplitName,
  trainingWindows,
} from '@rnnx/core';
import { expect } from 'chai';
import { requireData } from '../../support/data.js';
import { load, rejection, useFolder } from '../../support/datasets.js';
import { useServer } from '../../support/file-server.js';
import { musicJson, musicMat, musicPickle0, musicPickle2, type Piece, tinyMusic } from '../../support/music-files.js';

const splits = ['train', 'valid', 'test'] as const;

/** Per split: pieces, length min / mean / max, steps, notes a step, steps without a note. */
type Statistics = readonly [number, number, number, number, number, number, number];
interface Corpus {
  readonly name: string;
  readonly file: string;
  readonly statistics: Readonly<Record<SplitName, Statistics>>;
  readonly chunks: number;
  /** Percent of the steps of full chunks. */
  readonly padded: number;
  /** NLL in nats a step of predicting the note frequencies of train on test. */
  readonly frequencyNll: number;
}

const corpora: readonly Corpus[] = [
  {
    name: 'jsb-chorales',
    file: 'JSB_Chorales.mat',
    statistics: {
      train: [229, 25, 60.29, 129, 13_807, 3.898, 18],
      valid: [76, 32, 60.55, 144, 4_602, 3.87, 29],
      test: [77, 32, 61.36, 160, 4_725, 3.887, 17],
    },
    chunks: 243,
    padded: 43,
    frequencyNll: 11.06,
  },
  {
    name: 'nottingham',
    file: 'Nottingham.mat',
    statistics: {
      train: [694, 40, 254.41, 1788, 176_561, 3.961, 487],
      valid: [173, 96, 263.08, 1473, 45_513, 3.959, 51],
      test: [170, 63, 261.55, 1793, 44_463, 3.99, 19],
    },
    chunks: 1_994,
    padded: 11,
    frequencyNll: 10.25,
  },
  {
    name: 'piano-midi',
    file: 'Piano_midi.mat',
    statistics: {
      train: [87, 111, 872.54, 3857, 75_911, 3.044, 4_917],
      valid: [12, 209, 711.67, 1637, 8_540, 3.235, 251],
      test: [25, 65, 761.44, 2645, 19_036, 2.945, 652],
    },
    chunks: 802,
    padded: 5,
    frequencyNll: 11.05,
  },
  {
    name: 'muse-data',
    file: 'MuseData.mat',
    statistics: {
      train: [524, 9, 467.94, 3457, 245_202, 3.493, 12_962],
      valid: [135, 63, 613.0, 3723, 82_755, 3.479, 4_412],
      test: [124, 45, 518.86, 4273, 64_339, 3.293, 5_042],
    },
    chunks: 2_719,
    padded: 10,
    frequencyNll: 11.51,
  },
];

function frames(data: Dataset, split: SplitName): FrameSplit {
  const found = data.splits[split];
  if (found.kind !== 'frames') throw new Error('frames expected');
  return found;
}

function statisticsOf({ sequences }: FrameSplit): Statistics {
  let sounding = 0;
  let empty = 0;
  for (const sequence of sequences)
    for (let at = 0; at < sequence.length; at += 88) {
      let here = 0;
      for (let k = 0; k < 88; k++) here += sequence[at + k]!;
      sounding += here;
      if (here === 0) empty++;
    }
  const lengths = sequences.map((sequence) => sequence.length / 88);
  const steps = lengths.reduce((sum, length) => sum + length, 0);
  const round = (value: number, digits: number) => Number(value.toFixed(digits));
  return [
    sequences.length,
    Math.min(...lengths),
    round(steps / sequences.length, 2),
    Math.max(...lengths),
    steps,
    round(sounding / steps, 3),
    empty,
  ];
}

/** Nats a step of predicting each note by its frequency in train, over all steps of test. */
function frequencyNll(data: Dataset): number {
  const counts = new Float64Array(88);
  let steps = 0;
  for (const sequence of frames(data, 'train').sequences) {
    steps += sequence.length / 88;
    for (let i = 0; i < sequence.length; i++) counts[i % 88]! += sequence[i]!;
  }
  // Half a count keeps notes that train never plays possible.
  const p = counts.map((count) => (count + 0.5) / (steps + 1));
  let nll = 0;
  let tested = 0;
  for (const sequence of frames(data, 'test').sequences) {
    tested += sequence.length / 88;
    for (let i = 0; i < sequence.length; i++) nll -= Math.log(sequence[i] === 1 ? p[i % 88]! : 1 - p[i % 88]!);
  }
  return nll / tested;
}

/** Frames of a piece as lists of MIDI notes. */
function notesOf(sequence: Float32Array): Piece {
  return Array.from({ length: sequence.length / 88 }, (_, t) =>
    [...sequence.subarray(t * 88, (t + 1) * 88)].flatMap((value, k) => (value === 1 ? [21 + k] : [])),
  );
}

function hash({ sequences }: FrameSplit): string {
  const sha = createHash('sha256');
  for (const sequence of sequences) sha.update(`${sequence.length}:`).update(sequence);
  return sha.digest('hex');
}

describe('polyphonic music', () => {
  const folder = useFolder();
  const server = useServer();
  const here = () => ({ dataDir: folder.path });

  for (const corpus of corpora)
    describe(`dataset ${corpus.name}`, () => {
      let whole: Dataset;
      let chunked: Dataset;
      before(async function () {
        const dataDir = requireData(this, `polyphonic/${corpus.file}`);
        whole = await load({ name: corpus.name, chunk: null }, { dataDir });
        chunked = await load(corpus.name, { dataDir });
      });

      it('has the known pieces, lengths, steps and notes', () => {
        expect(whole.task).to.deep.equal({
          kind: 'frames',
          size: 88,
          likelihood: 'bernoulli',
          metric: 'nll-per-step',
        });
        for (const split of splits)
          expect(statisticsOf(frames(whole, split)), split).to.deep.equal(corpus.statistics[split]);
      });

      it('is cut into chunks of 100 with padding in front; test pieces stay whole', () => {
        const train = frames(chunked, 'train');
        const lengths = train.sequences.map((sequence) => sequence.length / 88);
        expect(lengths).to.have.length(corpus.chunks);
        expect(Math.max(...lengths)).to.equal(100);
        const share = 1 - corpus.statistics.train[4] / (100 * corpus.chunks);
        expect(Math.round(100 * share)).to.equal(corpus.padded);
        expect([train.padding, frames(chunked, 'valid').padding]).to.deep.equal(['front', 'front']);
        expect(frames(chunked, 'test').padding ?? 'end').to.equal('end');
        expect(hash(frames(chunked, 'test'))).to.equal(hash(frames(whole, 'test')));
        // The chunks of a piece follow one another and make it up.
        const first = frames(whole, 'train').sequences[0]!;
        const parts = train.sequences.slice(0, Math.ceil(first.length / 8800)).flatMap((part) => [...part]);
        expect(parts).to.deep.equal([...first]);
      });

      it('gives the known likelihood to the note frequencies of train', () => {
        expect(frequencyNll(whole).toFixed(2)).to.equal(corpus.frequencyNll.toFixed(2));
        expect(frequencyNll(chunked)).to.be.closeTo(frequencyNll(whole), 1e-9);
      });

      it('names its source, checksum and licence', () => {
        const notes = chunked.notes.join('\n');
        expect(notes).to.contain(corpus.file).and.to.contain('SHA-256').and.to.contain('licence');
        expect(notes).to.contain('chunks of 100').and.to.not.contain('not compared');
        expect(whole.notes.join('\n')).to.contain('whole in all splits');
      });
    });

  it('is the same from MATLAB file, pickle and JSON of JSB Chorales', async function () {
    const dataDir = requireData(this, 'polyphonic/pickle/jsb-chorales-quarter.pkl');
    const [mat, pickle, json] = await Promise.all(
      ['mat', 'pickle', 'json'].map((format) => load({ name: 'jsb-chorales', format }, { dataDir })),
    );
    expect(pickle!.notes[0]).to.contain('jsb-chorales-quarter.pkl');
    expect(json!.notes[0]).to.contain('jsb-chorales-quarter.json');
    for (const split of splits) {
      expect(hash(frames(pickle!, split))).to.equal(hash(frames(mat!, split)));
      expect(hash(frames(json!, split))).to.equal(hash(frames(mat!, split)));
    }
  });

  describe('of a few notes', () => {
    const files = {
      'music.mat': musicMat(),
      'music.pickle': musicPickle0(),
      'music.pkl': musicPickle2(),
      'music.json': musicJson(),
    };
    beforeEach(() => folder.write(files));

    for (const path of Object.keys(files))
      it(`is read from ${path} note by note`, async () => {
        const data = await load({ name: 'nottingham', path, chunk: null }, here());
        for (const split of splits)
          expect(frames(data, split).sequences.map(notesOf), split).to.deep.equal(tinyMusic[split]);
        expect(data.notes[0]).to.contain('not compared with a published checksum');
      });

    it('is cut into chunks, the last of a piece being what is left', async () => {
      const data = await load({ name: 'nottingham', path: 'music.json', chunk: 2 }, here());
      const lengths = (split: SplitName) => frames(data, split).sequences.map((sequence) => sequence.length / 88);
      expect([lengths('train'), lengths('valid'), lengths('test')]).to.deep.equal([
        [2, 2, 1, 2, 1],
        [2, 2],
        [5, 2],
      ]);
      const again = await load({ name: 'nottingham', path: 'music.json', chunk: 5 }, here());
      expect(frames(again, 'train').sequences.map(notesOf)).to.deep.equal(tinyMusic.train);
    });

    it('is batched with masked frames in front for training, and without in a test of one piece a batch', async () => {
      const data = await load({ name: 'nottingham', path: 'music.json' }, here());
      const options = { batchSize: 2, bptt: 99, carryState: false };
      const { batch, count } = trainingWindows(data.splits.train, data.task, options, createRng(1)).at(0);
      expect([batch.steps, count]).to.deep.equal([4, 6]);
      const masks = [0, 1].map((b) => [0, 1, 2, 3].map((t) => batch.mask![2 * t + b]!).join(''));
      expect(masks.sort()).to.deep.equal(['0011', '1111']);
      const test = evaluationWindows(data.splits.test, data.task, { batchSize: 1, steps: 2 });
      expect(Array.from({ length: test.length }, (_, i) => test.at(i).batch.mask)).to.deep.equal([null, null, null]);
    });

    it('is told by content, and refused where another form was asked for', async () => {
      await folder.write({ 'Nottingham.mat': musicJson() });
      const options = { name: 'nottingham', verify: false };
      expect(frames(await load(options, here()), 'test').sequences).to.have.length(2);
      const error = await rejection(() => load({ ...options, format: 'mat' }, here()));
      expect(error.code).to.equal('RNNX_DATA_INVALID');
      expect(error.details.got).to.contain('(json)');
    });

    it('is refused where it is no music file at all', async () => {
      for (const content of ['', 'RIFF....WAVE', '\x89HDF\r\n\x1a\n', 'MATLAB 7.3 MAT-file, Platform: GLNXA64']) {
        await folder.write({ 'odd.bin': content });
        const error = await rejection(() => load({ name: 'nottingham', path: 'odd.bin' }, here()));
        expect(error.code).to.equal('RNNX_DATA_INVALID');
        expect(error.message).to.contain('odd.bin cannot be read at byte 0');
        expect(error.details.expected).to.contain('MATLAB 5');
      }
    });

    it('is refused where it is not the published file', async () => {
      for (const [name, dataset, needsSum] of [
        ['polyphonic/Nottingham.mat', 'nottingham', true],
        ['jsb-chorales-quarter.pkl', 'jsb-chorales', true],
        ['JSB Chorales.pickle', 'jsb-chorales', false], // no checksum of it is known
      ] as const) {
        await folder.write({ [name]: files['music.pickle'] });
        if (needsSum) {
          const error = await rejection(() => load(dataset, here()));
          expect(error.code).to.equal('RNNX_DATA_CHECKSUM');
          expect(error.details.remedy).to.contain('"verify"');
        } else expect((await load(dataset, here())).notes[0]).to.contain('not compared');
      }
    });

    it('is downloaded as .mat, then needs no server', async () => {
      server.files.set('/m/MuseData.mat', files['music.mat']);
      const options = { name: 'muse-data', source: `${server.origin}/m/`, verify: false };
      const context = { cacheDir: folder.path, offline: false };
      expect(frames(await load(options, context), 'train').sequences.map(notesOf)).to.deep.equal(tinyMusic.train);
      await load(options, { ...context, offline: true });
      expect(server.requests.map(({ path }) => path)).to.deep.equal(['/m/MuseData.mat']);

      const other = await rejection(() => load({ ...options, verify: true }, context));
      expect(other.code).to.equal('RNNX_DATA_CHECKSUM');
      const offline = await rejection(() => load('piano-midi', { ...here(), cacheDir: folder.path }));
      expect(offline.code).to.equal('RNNX_DATA_OFFLINE');
      expect(offline.details.remedy).to.contain('Piano_midi.mat or Piano-midi.de.pickle').and.to.contain('"path"');
    });

    it('says what is missing where a form is not downloaded', async () => {
      const pickle = await rejection(() => load({ name: 'muse-data', format: 'pickle' }, here()));
      expect(pickle.code).to.equal('RNNX_DATA_MISSING');
      expect(pickle.details.expected).to.equal('MuseData.pickle');
      const json = await rejection(() => load({ name: 'muse-data', format: 'json' }));
      expect(json.code).to.equal('RNNX_DATA_MISSING');
      expect(json.details.remedy).to.contain('"path"');
      const path = await rejection(() => load({ name: 'muse-data', path: 'nowhere' }, here()));
      expect(path.code).to.equal('RNNX_DATA_MISSING');
    });
  });
});
