import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  cnnQa,
  formatQuestion,
  grammar,
  jsbChorales,
  museData,
  nottingham,
  pianoMidi,
  ptb,
  ptbChar,
  sequentialMnist,
  syntheticCloze,
  text,
  text8,
  wikiText2,
} from '@rnnx/datasets';
import { datasetContract } from '../kit/index.js';
import { useServer } from '../support/file-server.js';
import { mnistFolder, tinyMnist } from '../support/mnist-files.js';
import { musicJson, musicMat, musicPickle0, tinyMusic } from '../support/music-files.js';

const folder = mkdtempSync(join(tmpdir(), 'rnnx-contract-'));
const line = 'the cat that the dogs chase sees a mouse\n';
const prefix = 'the quick brown fox jumps over the lazy dog '.repeat(3);
const files: Record<string, string | Uint8Array> = {
  'text/train.txt': line.repeat(20),
  'text/valid.txt': line.repeat(3),
  'text/test.txt': line,
  'other/train.txt': 'One two two three.\n'.repeat(9),
  'other/valid.txt': 'one two\n',
  'other/test.txt': 'one one\n',
  'one.txt': `${line}A dog sees the cat.\n`.repeat(30),
  'ptb/ptb.train.txt': line.repeat(20),
  'ptb/ptb.valid.txt': line.repeat(3),
  'ptb/ptb.test.txt': line,
  'wikitext-2/wiki.train.tokens': ` = Title = \n \n${line.repeat(9)}`,
  'wikitext-2/wiki.valid.tokens': line.repeat(3),
  'wikitext-2/wiki.test.tokens': line,
  'prefix/text8': prefix,
  'prefix/short': prefix.slice(0, 60),
};
for (const name of ['JSB_Chorales', 'Nottingham', 'Piano_midi', 'MuseData']) files[`music/${name}.mat`] = musicMat();
files['music/JSB Chorales.pickle'] = musicPickle0();
files['music/pieces.json'] = musicJson({ ...tinyMusic, valid: [[[50], [51]]] });

for (const [name, content] of Object.entries(mnistFolder(tinyMnist(6), tinyMnist(3, 2))))
  files[`mnist/${name}`] = content;

for (const [name, content] of Object.entries(files)) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}
after(() => rmSync(folder, { recursive: true, force: true }));

datasetContract(grammar, {
  valid: [{ options: { trainTokens: 400, validTokens: 200, testTokens: 200 } }],
  variations: {
    seed: [2],
    trainTokens: [401],
    validTokens: [201],
    testTokens: [201],
    depth: [0, 1],
    clauseRate: [0.4],
  },
  invalid: [
    { options: { depth: 4 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { clauseRate: 0 }, code: 'RNNX_CONFIG_INVALID' },
  ],
});

const split = (of: string) => ({ train: `${of}/train.txt`, valid: `${of}/valid.txt`, test: `${of}/test.txt` });

datasetContract(text, {
  context: { dataDir: folder },
  valid: [
    { options: { path: 'one.txt', lowercase: true } },
    { options: {} },
    { options: { ...split('other'), unknown: 'map' } },
    { options: { path: 'one.txt', unit: 'character' } },
  ],
  variations: {
    unit: ['character'],
    path: ['text', 'other'],
    train: ['text/train.txt'],
    valid: ['text/valid.txt'],
    test: ['text/test.txt'],
    validFraction: [0.3],
    testFraction: [0.3],
    lowercase: [false],
    eos: [false],
    vocabularySize: [4],
    unknown: ['error'],
    metric: ['bits-per-character'],
    sha256: [{ path: '0'.repeat(64) }],
  },
  invalid: [
    { options: { path: 'nowhere.txt' }, code: 'RNNX_DATA_MISSING' },
    { options: { train: 'text/train.txt' }, code: 'RNNX_OPTION_CONFLICT' },
    { options: split('other'), code: 'RNNX_TOKEN_UNKNOWN' },
    { options: { vocabularySize: 1 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { path: 'one.txt', sha256: { path: '0'.repeat(64) } }, code: 'RNNX_DATA_CHECKSUM' },
  ],
});

describe('the Penn Treebank', () => {
  const server = useServer();
  const cacheDir = join(folder, 'cache');
  beforeEach(() => {
    for (const [name, content] of Object.entries(files))
      if (name.startsWith('ptb/')) {
        server.files.set(`/${name}`, content);
        server.files.set(`/other/${name}`, String(content).toUpperCase());
      }
  });

  datasetContract(ptb, () => ({
    valid: [
      { options: { verify: false }, context: { dataDir: folder } },
      { options: { verify: false, source: `${server.origin}/ptb/` }, context: { cacheDir, offline: false } },
    ],
    variations: { verify: [true], source: [`${server.origin}/other/ptb/`] },
    invalid: [{ options: { source: 'ftp://example.com/' }, code: 'RNNX_CONFIG_INVALID' }],
  }));
});

describe('WikiText-2 and the characters of the Penn Treebank', () => {
  const server = useServer();
  const cacheDir = join(folder, 'cache');
  const online = { cacheDir, offline: false };
  beforeEach(() => {
    for (const split of ['train', 'valid', 'test']) {
      server.files.set(`/ptb/ptb.${split}.txt`, files[`ptb/ptb.${split}.txt`]!);
      server.files.set(`/other/ptb.${split}.txt`, 'the mouse\n'.repeat(4));
      server.files.set(`/wiki/${split}.txt`, files[`wikitext-2/wiki.${split}.tokens`]!);
      server.files.set(`/other/${split}.txt`, 'the mouse\n'.repeat(4));
    }
  });
  const invalid = [{ options: { source: 'ftp://example.com/' }, code: 'RNNX_CONFIG_INVALID' as const }];

  datasetContract(wikiText2, () => ({
    valid: [
      { options: { verify: false }, context: { dataDir: folder } },
      { options: { verify: false, source: `${server.origin}/wiki/` }, context: online },
    ],
    variations: { verify: [true], source: [`${server.origin}/other/`] },
    invalid,
  }));

  datasetContract(ptbChar, () => ({
    valid: [
      { options: { verify: false }, context: { dataDir: folder } },
      { options: { verify: false, source: `${server.origin}/ptb/` }, context: online },
    ],
    variations: { verify: [true], source: [`${server.origin}/other/`] },
    invalid,
  }));

  datasetContract(text8, () => {
    server.files.set('/first/text8.zip', prefix);
    server.files.set('/other/text8.zip', prefix.slice(1));
    return {
      context: { dataDir: join(folder, 'prefix') },
      valid: [
        { options: { verify: false } },
        { options: { verify: false, source: `${server.origin}/first/` }, context: { ...online, dataDir: cacheDir } },
      ],
      variations: {
        path: ['short'],
        characters: [40],
        verify: [true],
        source: [`${server.origin}/other/`],
      },
      invalid: [
        { options: {}, code: 'RNNX_DATA_CHECKSUM' },
        { options: { path: 'nowhere' }, code: 'RNNX_DATA_MISSING' },
        { options: { path: 'short', characters: 61 }, code: 'RNNX_OPTION_INVALID' },
        { options: { characters: 19 }, code: 'RNNX_CONFIG_INVALID' },
      ],
    };
  });
});

describe('polyphonic music', () => {
  const server = useServer();
  const here = { dataDir: join(folder, 'music') };
  const online = { dataDir: join(folder, 'text'), cacheDir: join(folder, 'cache'), offline: false };
  const others = { ...tinyMusic, test: [[[40], [41]]] };

  for (const [plugin, name] of [
    [jsbChorales, 'JSB_Chorales'],
    [nottingham, 'Nottingham'],
    [pianoMidi, 'Piano_midi'],
    [museData, 'MuseData'],
  ] as const)
    datasetContract(plugin, () => {
      server.files.set(`/first/${name}.mat`, musicMat());
      server.files.set(`/other/${name}.mat`, musicMat(others));
      return {
        context: here,
        valid: [
          { options: { verify: false, chunk: 3 } },
          { options: { verify: false, chunk: null, path: 'pieces.json' } },
          { options: { verify: false, source: `${server.origin}/first/` }, context: online },
        ],
        variations: {
          chunk: [2],
          format: ['pickle'],
          path: ['pieces.json'],
          verify: [true],
          source: [`${server.origin}/other/`],
        },
        invalid: [
          { options: {}, code: 'RNNX_DATA_CHECKSUM' },
          { options: { chunk: 1 }, code: 'RNNX_CONFIG_INVALID' },
          { options: { format: 'midi' }, code: 'RNNX_CONFIG_INVALID' },
          { options: { path: 'nowhere.mat' }, code: 'RNNX_DATA_MISSING' },
          { options: { path: 'pieces.json', format: 'mat' }, code: 'RNNX_DATA_INVALID' },
        ],
      };
    });
});

describe('MNIST', () => {
  const server = useServer();

  datasetContract(sequentialMnist, () => {
    for (const [name, content] of Object.entries(files))
      if (name.startsWith('mnist/')) server.files.set(`/${name}`, content);
    for (const [name, content] of Object.entries(mnistFolder(tinyMnist(7, 3), tinyMnist(3, 4))))
      server.files.set(`/other/${name}`, content);
    return {
      context: { dataDir: folder },
      valid: [
        { options: { verify: false, validation: 2 } },
        {
          options: { verify: false, validation: 2, source: `${server.origin}/mnist/` },
          context: { dataDir: join(folder, 'text'), cacheDir: join(folder, 'cache'), offline: false },
        },
      ],
      variations: {
        permutation: [0, 5],
        side: [14, 7],
        validation: [1],
        limit: [1],
        verify: [true],
        source: [`${server.origin}/other/`],
      },
      invalid: [
        { options: {}, code: 'RNNX_DATA_CHECKSUM' },
        { options: { verify: false, validation: 6 }, code: 'RNNX_OPTION_INVALID' },
        { options: { side: 5 }, code: 'RNNX_CONFIG_INVALID' },
        { options: { permutation: -1 }, code: 'RNNX_CONFIG_INVALID' },
        { options: { limit: 0 }, code: 'RNNX_CONFIG_INVALID' },
      ],
    };
  });
});

const synthetic = { trainQuestions: 12, validQuestions: 4, testQuestions: 4 };

datasetContract(syntheticCloze, {
  valid: [{ options: synthetic }, { options: { ...synthetic, answers: 'vocabulary', answerable: 0.4 } }],
  variations: {
    seed: [2],
    trainQuestions: [13],
    validQuestions: [5],
    testQuestions: [5],
    entities: [6],
    sentences: [2],
    verbs: [3],
    answerable: [0.5],
    answers: ['vocabulary'],
    shuffleEntities: ['none', 'load'],
    withReplacement: [true],
  },
  invalid: [
    { options: { entities: 2 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { verbs: 1, entities: 3, sentences: 4 }, code: 'RNNX_OPTION_CONFLICT' },
    { options: { shuffleEntities: 'always' }, code: 'RNNX_CONFIG_INVALID' },
  ],
});

datasetContract(cnnQa, () => {
  const [passage, question] = ['@entity1 met @entity0 . he met @entity2 .', '@placeholder met @entity0 .'];
  const text = (of: string) => ({ url: 'http://example.com/', passage: of.split(' '), question: question.split(' ') });
  const file = (of: string) => formatQuestion({ ...text(of), answer: '@entity1', names: new Map() });
  for (const place of ['cnn-qa', 'more'])
    for (const split of ['training', 'validation', 'test']) {
      mkdirSync(join(folder, place, split), { recursive: true });
      writeFileSync(join(folder, place, split, 'a.question'), file(passage));
      writeFileSync(join(folder, place, split, 'b.question'), file(`${passage} ${place} left .`));
    }
  return {
    context: { dataDir: folder },
    valid: [{ options: { sentences: 1 } }, { options: { path: 'more', sentences: null } }],
    variations: {
      path: ['more'],
      sentences: [2],
      shuffleEntities: ['none', 'load'],
      withReplacement: [true],
      answers: ['vocabulary'],
      vocabularySize: [6],
      minCount: [3],
      examples: [1],
      seed: [2],
    },
    invalid: [
      { options: { path: 'nowhere' }, code: 'RNNX_DATA_MISSING' },
      { options: { sentences: 0 }, code: 'RNNX_CONFIG_INVALID' },
      { options: { vocabularySize: 5 }, code: 'RNNX_OPTION_CONFLICT' },
    ],
  };
});
