import { createVocabulary, languageTask } from '@rnnx/datasets';
import { expect } from 'chai';
import fc from 'fast-check';

const word = fc.stringMatching(/^[a-z'\u00a0é]{1,6}$/);

describe('vocabulary', () => {
  it('goes from symbol to index and back', () => {
    const vocabulary = createVocabulary(['b', 'a', '__proto__']);
    expect(vocabulary.symbols.map((symbol) => vocabulary.indexOf(symbol))).to.deep.equal([0, 1, 2]);
    expect(vocabulary.indexOf('toString')).to.equal(undefined);
  });

  it('takes words to tokens and back, whatever the words', () => {
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 1 }), { minLength: 1 }), (lines) => {
        const vocabulary = createVocabulary(['<eos>', ...new Set(lines.flat())]);
        const task = languageTask(vocabulary, { unit: 'word', eos: true, lowercase: false }, 'perplexity', undefined);
        const text = lines.map((line) => line.join(' ')).join('\n');
        expect(task.detokenize([...task.tokenize(text)])).to.equal(text);
        expect(task.tokenize(`${text}\n`)).to.have.length(lines.flat().length + lines.length);
      }),
    );
  });

  it('takes characters to tokens and back, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const how = { unit: 'character', eos: false, lowercase: false } as const;
        const task = languageTask(createVocabulary([...new Set(text)]), how, 'bits-per-character', undefined);
        expect(task.detokenize([...task.tokenize(text)])).to.equal(text);
      }),
    );
  });
});
