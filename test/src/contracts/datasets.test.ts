import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { grammar, ptb, text } from '@rnnx/datasets';
import { datasetContract } from '../kit/index.js';
import { useServer } from '../support/file-server.js';

const folder = mkdtempSync(join(tmpdir(), 'rnnx-contract-'));
const line = 'the cat that the dogs chase sees a mouse\n';
const files: Record<string, string> = {
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
};
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
        server.files.set(`/other/${name}`, content.toUpperCase());
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
