import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closestSentences, formatQuestion, parseQuestion, type QuestionText, sentencesOf } from '@rnnx/datasets';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { requireData } from '../../support/data.js';
import { refusal } from '../../support/errors.js';

const file = [
  'http://example.com/é',
  '',
  '@entity1 met @entity3 .  @entity3 left',
  '',
  'who is @placeholder ?',
  '',
  '@entity3',
  '',
  '@entity1:Ann: the elder',
  '@entity3:',
  '',
].join('\n');

/** The file with one line replaced, or cut off from there on. */
function changed(line: number, text: string | undefined): string {
  const lines = file.split('\n');
  if (text === undefined) return lines.slice(0, line).join('\n');
  lines[line] = text;
  return lines.join('\n');
}

describe('.question files', () => {
  it('are URL, passage, question, answer and names', () => {
    const { names, ...question } = parseQuestion(file, 'a.question');
    expect(question).to.deep.equal({
      url: 'http://example.com/é',
      passage: ['@entity1', 'met', '@entity3', '.', '@entity3', 'left'],
      question: ['who', 'is', '@placeholder', '?'],
      answer: '@entity3',
    });
    expect([...names]).to.deep.equal([
      ['@entity1', 'Ann: the elder'],
      ['@entity3', ''],
    ]);
  });

  it('may end after the answer, with or without newline, and may come from Windows', () => {
    for (const text of [changed(8, undefined), changed(7, undefined), file.replaceAll('\n', '\r\n')])
      expect(parseQuestion(text, 'a.question').answer).to.equal('@entity3');
    expect(parseQuestion(changed(7, undefined), 'a.question').names.size).to.equal(0);
  });

  it('are written as they are read', () => {
    const token = fc.stringMatching(/^[a-z.,"@]{1,5}$/);
    const marker = fc.nat(300).map((n) => `@entity${n}`);
    const question: fc.Arbitrary<QuestionText> = fc.record({
      url: fc.constant('http://example.com/'),
      passage: fc.array(fc.oneof(token, marker), { minLength: 1 }),
      question: fc.array(token).map((tokens) => [...tokens, '@placeholder']),
      answer: marker,
      names: fc.array(fc.tuple(marker, token)).map((entries) => new Map(entries)),
    });
    fc.assert(
      fc.property(question, (written) => {
        const { names, ...rest } = parseQuestion(formatQuestion(written), 'a.question');
        expect({ ...rest, names: [...names] }).to.deep.equal({ ...written, names: [...written.names] });
      }),
      { numRuns: 50 },
    );
  });

  const offset = (line: number) => Buffer.byteLength(file.split('\n').slice(0, line).join('\n')) + (line > 0 ? 1 : 0);
  const bad: readonly [what: string, text: string, at: number, got: string][] = [
    ['an empty file', '', 0, 'the end of the file'],
    ['no passage', changed(2, undefined), offset(2) - 1, 'the end of the file'],
    ['a blank passage', changed(2, '  '), offset(2), 'a blank line'],
    ['no blank line after the URL', changed(1, 'more'), offset(1), '"more"'],
    ['a passage on two lines', changed(3, 'and more'), offset(3), '"and more"'],
    ['a file cut after the passage', changed(4, undefined), offset(4) - 1, 'the end of the file'],
    ['a question without placeholder', changed(4, 'who ?'), offset(4), '"who ?"'],
    ['a file cut after the question', changed(5, undefined), offset(5) - 1, 'the end of the file'],
    ['an answer that is no marker', changed(6, 'Ann'), offset(6), '"Ann"'],
    ['a marker that is written otherwise', changed(6, '@entity03'), offset(6), '"@entity03"'],
    ['two answers', changed(6, '@entity1 @entity3'), offset(6), '"@entity1 @entity3"'],
    ['a name without marker', changed(9, 'Ann'), offset(9), '"Ann"'],
    ['a marker beyond any text', changed(2, 'so @entity100000'), offset(2) + 3, '"@entity100000"'],
    ['such an answer', changed(6, '@entity4294967296'), offset(6), '"@entity4294967296"'],
  ];
  for (const [what, text, at, got] of bad)
    it(`are refused for ${what}, at byte ${at}`, () => {
      const error = refusal('RNNX_DATA_INVALID', () => parseQuestion(text, 'a.question'));
      expect(error.message).to.contain(`a.question cannot be read at byte ${at}\n`);
      expect(error.details.got).to.equal(got);
    });

  it('of the corpus are read, with an answer that is in the passage', function () {
    const folder = join(requireData(this, 'cnn-qa/sample'), 'cnn-qa/sample');
    const names = readdirSync(folder).filter((name) => name.endsWith('.question'));
    const lengths = names.sort().map((name) => {
      const { passage, question, answer } = parseQuestion(readFileSync(join(folder, name), 'utf8'), name);
      expect(passage).to.include(answer);
      expect(question.filter((token) => token === '@placeholder')).to.have.length(1);
      return [passage.length, new Set(passage.filter((token) => token.startsWith('@entity'))).size];
    });
    // As counted in the notes that came with the sample.
    expect(lengths).to.deep.equal([
      [1031, 34],
      [464, 19],
      [503, 18],
      [1162, 22],
      [629, 21],
    ]);
  });
});

describe('sentences of a passage', () => {
  const text = 'a met @entity1 . why ? @entity2 met b ! the end';
  const words = text.split(' ');

  it('end with . ? and !, and together are the text', () => {
    const sentences = sentencesOf(words);
    expect(sentences.map((sentence) => sentence.join(' '))).to.deep.equal([
      'a met @entity1 .',
      'why ?',
      '@entity2 met b !',
      'the end',
    ]);
  });

  const closest = (question: string, count: number) => closestSentences(words, question.split(' '), count).join(' ');

  it('are chosen by the words that they share with the question, and stay in order', () => {
    expect(closest('@placeholder met @entity1 at the end', 2)).to.equal('a met @entity1 . the end');
    expect(closest('the end of @entity2', 2)).to.equal('@entity2 met b ! the end');
  });

  it('count distinct words, neither punctuation nor the placeholder', () => {
    const repeated = 'x x x . y z . @placeholder ! . ? ,'.split(' ');
    expect(closestSentences(repeated, 'x y z . ! , @placeholder'.split(' '), 1).join(' ')).to.equal('y z .');
  });

  it('go to the earlier one of equal matches, and are all where there are no more', () => {
    expect(closest('nothing shared', 2)).to.equal('a met @entity1 . why ?');
    expect(closest('nothing shared', 4)).to.equal(text);
    expect(closest('nothing shared', 9)).to.equal(text);
  });
});
