import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClozeSplit, ClozeTask, Dataset, SplitName } from '@rnnx/core';
import { formatQuestion, syntheticQuestions, writeQuestionFiles } from '@rnnx/datasets';
import { expect } from 'chai';
import { requireData } from '../../support/data.js';
import { load, rejection, useFolder } from '../../support/datasets.js';

const plain = { name: 'cnn-qa', shuffleEntities: 'none' } as const;

function taskOf({ task }: Dataset): ClozeTask {
  if (task.kind !== 'cloze') throw new Error('no cloze task');
  return task;
}

function splitOf(dataset: Dataset, name: SplitName): ClozeSplit {
  const split = dataset.splits[name];
  if (split.kind !== 'cloze') throw new Error('no cloze split');
  return split;
}

/** Passage, question and answer of every example as text. */
function texts(dataset: Dataset, split: SplitName): string[][] {
  const { symbols } = taskOf(dataset).vocabulary;
  const write = (tokens: Int32Array) => [...tokens].map((token) => symbols[token]).join(' ');
  return splitOf(dataset, split).examples.map(({ passage, question, answer }) => [
    write(passage),
    write(question),
    symbols[answer]!,
  ]);
}

const question = (passage: string, asked: string, answer: string) =>
  formatQuestion({
    url: 'http://example.com/',
    passage: passage.split(' '),
    question: asked.split(' '),
    answer,
    names: new Map(),
  });

const small = {
  'training/a.question': question(
    '@entity2 met @entity0 . he left . he slept .',
    '@placeholder met @entity0',
    '@entity2',
  ),
  'training/b.question': question('he met @entity1 . @entity1 left', '@placeholder left he', '@entity1'),
  'training/notes.txt': 'not a question',
  'validation/a.question': question('@entity4 sang .', '@placeholder sang', '@entity4'),
  'test/a.question': question('she met @entity0 .', 'she met @placeholder', '@entity0'),
};

describe('cnn-qa', () => {
  const folder = useFolder();
  const loadHere = (options = {}) => load({ ...plain, ...options }, { dataDir: folder.path });

  it('reads the three folders, files by name', async () => {
    await folder.write(small);
    const dataset = await loadHere({ sentences: null });
    expect(texts(dataset, 'train')).to.deep.equal([
      ['@entity2 met @entity0 . he left . he slept .', '@placeholder met @entity0', '@entity2'],
      ['he met @entity1 . @entity1 left', '@placeholder left he', '@entity1'],
    ]);
    expect(splitOf(dataset, 'valid').examples).to.have.length(1);
  });

  it('knows the words of train; any other is <unk>; every marker of any split has a token', async () => {
    await folder.write(small);
    const dataset = await loadHere({ sentences: null });
    const { vocabulary, entities, answers } = taskOf(dataset);
    const markers = [0, 1, 2, 3, 4].map((n) => `@entity${n}`);
    expect(vocabulary.symbols.slice(0, 7)).to.deep.equal(['<unk>', '@placeholder', ...markers]);
    // he 4, then met, . and left 3 times each in the order of appearance, slept once.
    expect(vocabulary.symbols.slice(7)).to.deep.equal(['.', 'he', 'met', 'left', 'slept']);
    expect(entities.map((token) => vocabulary.symbols[token])).to.deep.equal(markers);
    expect(answers).to.deep.equal(entities);
    expect(texts(dataset, 'valid')).to.deep.equal([['@entity4 <unk> .', '@placeholder <unk>', '@entity4']]);
    expect(texts(dataset, 'test')[0]![0]).to.equal('<unk> met @entity0 .');
  });

  it('limits the vocabulary by size and by count, and lets any token be an answer', async () => {
    await folder.write(small);
    const symbols = async (options: object) =>
      taskOf(await loadHere({ sentences: null, ...options })).vocabulary.symbols;
    expect((await symbols({ vocabularySize: 9 })).slice(7)).to.deep.equal(['.', 'he']);
    expect((await symbols({ minCount: 2 })).slice(7)).to.deep.equal(['.', 'he', 'met', 'left']);
    const task = taskOf(await loadHere({ answers: 'vocabulary' }));
    expect(task.answers).to.have.length(task.vocabulary.symbols.length);
    const error = await rejection(() => loadHere({ vocabularySize: 7 }));
    expect(error.code).to.equal('RNNX_OPTION_CONFLICT');
  });

  it('keeps the sentences closest to the question, and notes how many answers they keep', async () => {
    await folder.write({
      ...small,
      'test/a.question': question('@entity0 left . she sang .', '@placeholder sang', '@entity0'),
    });
    const dataset = await loadHere({ sentences: 1 });
    expect(texts(dataset, 'train').map(([passage]) => passage)).to.deep.equal([
      '@entity2 met @entity0 .',
      'he met @entity1 .',
    ]);
    expect(texts(dataset, 'test')[0]![0]).to.equal('<unk> <unk> .');
    expect(dataset.notes.find((note) => note.startsWith('test'))).to.contain('the answer in 0.0 % of the passages');
    expect(dataset.notes.find((note) => note.startsWith('train'))).to.contain('the answer in 100.0 % of the passages');
  });

  it('gives the entities of a text other markers, one for one, the same at every load', async () => {
    await writeQuestionFiles(folder.path, syntheticQuestions(synthetic));
    const before = await loadHere();
    const after = await loadHere({ shuffleEntities: 'load' });
    const again = await loadHere({ shuffleEntities: 'load' });
    const other = await loadHere({ shuffleEntities: 'load', seed: 2 });
    for (const split of ['train', 'valid', 'test'] as const) {
      expect(texts(again, split)).to.deep.equal(texts(after, split));
      expect(texts(other, split)).not.to.deep.equal(texts(after, split));
      for (const [n, from] of texts(before, split).entries()) {
        const to = texts(after, split)[n]!;
        const pairs = new Map<string, string>();
        const words = (parts: string[]) => parts.join(' ').split(' ');
        words(from).forEach((word, i) => {
          const now = words(to)[i]!;
          expect(pairs.get(word) ?? now).to.equal(now);
          pairs.set(word, now);
          if (!word.startsWith('@entity')) expect(now).to.equal(word);
        });
        expect(new Set(pairs.values()).size, 'no two with one marker').to.equal(pairs.size);
      }
    }
    expect(splitOf(after, 'train').shuffleEntities).to.equal(undefined);
    const everyEpoch = await loadHere({ shuffleEntities: 'epoch' });
    expect(splitOf(everyEpoch, 'train').shuffleEntities).to.equal(true);
    expect(splitOf(everyEpoch, 'valid').shuffleEntities).to.equal(undefined);
    expect(texts(everyEpoch, 'valid')).to.deep.equal(texts(after, 'valid'));
  });

  it('reads synthetic questions back as they were written', async () => {
    await writeQuestionFiles(folder.path, syntheticQuestions(synthetic));
    const read = await loadHere({ sentences: null });
    const made = await load({ name: 'synthetic-cloze', ...synthetic, shuffleEntities: 'none' });
    for (const split of ['train', 'valid', 'test'] as const)
      expect(texts(read, split)).to.deep.equal(texts(made, split));
    expect(taskOf(read).vocabulary.symbols).to.deep.equal(taskOf(made).vocabulary.symbols);
  });

  it('looks below cnn-qa, cnn and questions, and where the option path says', async () => {
    for (const place of ['cnn-qa', 'cnn', 'questions', 'cnn/questions', 'elsewhere/questions']) {
      const files = Object.entries(small).map(([name, text]) => [`${place}-top/${place}/${name}`, text]);
      await folder.write(Object.fromEntries(files));
      const path = place.startsWith('elsewhere') ? 'elsewhere' : undefined;
      const dataset = await load({ ...plain, ...(path && { path }) }, { dataDir: join(folder.path, `${place}-top`) });
      expect(splitOf(dataset, 'train').examples, place).to.have.length(2);
    }
  });

  it('takes as many words as a large corpus has', async () => {
    const words = Array.from({ length: 200_000 }, (_, n) => `w${n}`).join(' ');
    await folder.write({ ...small, 'training/c.question': question(words, '@placeholder sang', '@entity6') });
    const { symbols } = taskOf(await loadHere({ sentences: null })).vocabulary;
    expect(symbols.length).to.be.above(200_000);
    expect(symbols[8]).to.equal('@entity6');
  });

  it('takes the first so many questions of each split', async () => {
    await folder.write(small);
    expect(texts(await loadHere({ examples: 1 }), 'train')).to.have.length(1);
  });

  describe('refuses', () => {
    it('to go on without data, and says what to place where', async () => {
      for (const context of [{}, { dataDir: folder.path }]) {
        const { code, details } = await rejection(() => load('cnn-qa', context));
        expect(code).to.equal('RNNX_DATA_MISSING');
        expect(details.remedy).to.contain('questions/training').and.to.contain('--data-dir');
      }
    });

    it('a folder with only a part of the splits', async () => {
      await folder.write({ 'training/a.question': small['training/a.question'] });
      const { code, details } = await rejection(() => loadHere());
      expect([code, details.got]).to.deep.equal(['RNNX_DATA_MISSING', 'no validation, no test']);
    });

    it('a split without a question', async () => {
      await folder.write({ ...small, 'empty/x': '' });
      await folder.write({ 'other/training/a.question': small['training/a.question'] });
      await folder.write({ 'other/validation/x.txt': 'x', 'other/test/x.txt': 'x' });
      const { code } = await rejection(() => loadHere({ path: 'other' }));
      expect(code).to.equal('RNNX_DATA_EMPTY');
    });

    it('a bad file, naming it and the byte', async () => {
      await folder.write({ ...small, 'validation/b.question': 'http://x\n\npassage\n\nno gap\n\n@entity1\n' });
      const { code, message } = await rejection(() => loadHere());
      expect(code).to.equal('RNNX_DATA_INVALID');
      expect(message).to.contain(join('validation', 'b.question')).and.to.contain('at byte 19');
    });

    it('text that is not UTF-8', async () => {
      await folder.write({ ...small, 'test/b.question': Uint8Array.of(104, 0xff, 10) });
      expect((await rejection(() => loadHere())).code).to.equal('RNNX_DATA_ENCODING');
    });
  });

  it('reads the sample of the corpus', async function () {
    const sample = join(requireData(this, 'cnn-qa/sample'), 'cnn-qa/sample');
    const names = readdirSync(sample).filter((name) => name.endsWith('.question'));
    for (const split of ['training', 'validation', 'test']) {
      mkdirSync(join(folder.path, split));
      for (const name of names) copyFileSync(join(sample, name), join(folder.path, split, name));
    }
    const whole = await loadHere({ sentences: null });
    expect(whole.notes.join()).to.contain('train: 5 questions, the answer in 100.0 % of the passages');
    expect(splitOf(whole, 'train').examples.map(({ passage }) => passage.length)).to.deep.equal([
      1031, 464, 503, 1162, 629,
    ]);
    const four = await loadHere();
    const lengths = splitOf(four, 'train').examples.map(({ passage }) => passage.length);
    expect(Math.max(...lengths)).to.be.below(300);
    expect(taskOf(four).vocabulary.symbols.length).to.be.below(taskOf(whole).vocabulary.symbols.length);
  });
});

const synthetic = {
  seed: 3,
  trainQuestions: 8,
  validQuestions: 4,
  testQuestions: 4,
  entities: 5,
  sentences: 3,
  verbs: 4,
  answerable: 0.5,
};
