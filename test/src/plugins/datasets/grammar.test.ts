import type { LanguageTask } from '@rnnx/core';
import { englishSource, truePerplexity } from '@rnnx/datasets';
import { expect } from 'chai';
import { languageTaskOf, load, rejection, symbolsOf, tokensOf } from '../../support/datasets.js';

/** A parser written from the description of the grammar, apart from the automaton: checks agreement and nesting. */
class Parser {
  readonly #words: readonly string[];
  #at = 0;
  /** Deepest number of subjects that waited at once while a relative clause was said. */
  deepest = 0;

  constructor(sentence: string) {
    this.#words = sentence.split(' ');
  }

  sentence(): void {
    const number = this.#nounPhrase(0, true);
    this.#predicate(number, 0);
    if (this.#at !== this.#words.length) this.#fail('the end');
  }

  #nounPhrase(waiting: number, isSubject: boolean): 'singular' | 'plural' {
    const determiner = this.#take(/^(the|a|every|some|many)$/);
    if (/^(young|clever|proud|wild|hungry|small)$/.test(this.#peek())) this.#at++;
    const noun = this.#take(/^(king|teacher|girl|sailor|baker|dog|bird|wolf|wolve|horse|fox|foxe)s?$/);
    const number = noun.endsWith('s') ? 'plural' : 'singular';
    if (/^(a|every)$/.test(determiner) && number === 'plural') this.#fail(`a singular after ${determiner}`);
    if (/^(some|many)$/.test(determiner) && number === 'singular') this.#fail(`a plural after ${determiner}`);
    if (this.#peek() === 'that') {
      this.#at++;
      const inside = waiting + (isSubject ? 1 : 0);
      // A relative clause's own subject waits too while a further clause is said.
      this.deepest = Math.max(this.deepest, inside, isSubject ? 0 : inside + 1);
      if (/^(the|a|every|some|many)$/.test(this.#peek())) {
        const subject = this.#nounPhrase(inside, true);
        this.#verb(subject, /^(see|call|greet|follow|fear|chase)s?$/);
        this.#adverb();
      } else this.#predicate(number, inside);
    }
    return number;
  }

  #predicate(number: 'singular' | 'plural', waiting: number): void {
    const verb = this.#verb(number, /^(see|call|greet|follow|fear|chase|sing|wait|run|sleep)s?$/);
    if (!/^(sing|wait|run|sleep)s?$/.test(verb)) this.#nounPhrase(waiting, false);
    this.#adverb();
  }

  #verb(number: 'singular' | 'plural', among: RegExp): string {
    const verb = this.#take(among);
    if (verb.endsWith('s') !== (number === 'singular')) this.#fail(`a ${number} verb, not "${verb}"`);
    return verb;
  }

  #adverb(): void {
    if (/^(often|today|quietly|again)$/.test(this.#peek())) this.#at++;
  }

  #peek(): string {
    return this.#words[this.#at] ?? '';
  }

  #take(pattern: RegExp): string {
    if (!pattern.test(this.#peek())) this.#fail(String(pattern));
    return this.#words[this.#at++]!;
  }

  #fail(expected: string): never {
    throw new Error(`"${this.#words.join(' ')}": expected ${expected} at word ${this.#at + 1}`);
  }
}

describe('dataset grammar', () => {
  it('needs no file and comes with its floor', async () => {
    const data = await load('grammar');
    expect(['train', 'valid', 'test'].map((split) => tokensOf(data, split as 'train').length)).to.deep.equal([
      8_000, 4_000, 4_000,
    ]);
    const task = languageTaskOf(data);
    expect(task.vocabulary.symbols.length).to.be.within(40, 60);
    expect(task.vocabulary.symbols[task.start]).to.equal('<eos>');
    expect(data.floor!.value).to.equal(Math.exp(englishSource({ depth: 2, clauseRate: 0.25 }).entropyRate));
    expect(data.floor!.value).to.be.closeTo(6.923016, 1e-6);
    expect(data.notes.join()).to.contain('seed 1').and.to.contain('MIT');
  });

  it('tells what the true source has on each split', async () => {
    const data = await load('grammar');
    const source = englishSource({ depth: 2, clauseRate: 0.25 });
    for (const split of ['train', 'valid', 'test'] as const) {
      const own = truePerplexity(source, tokensOf(data, split));
      expect(data.floor!.description).to.contain(`${split} ${own.toFixed(3)}`);
      expect(own).to.be.closeTo(data.floor!.value, 0.4);
    }
  });

  it('speaks grammatically: numbers agree over any distance', async () => {
    const data = await load({ name: 'grammar', trainTokens: 50_000, depth: 3, clauseRate: 0.5 });
    const sentences = symbolsOf(data, 'train').join(' ').split(' <eos>');
    let clauses = 0;
    for (const sentence of sentences.slice(0, -1)) {
      new Parser(sentence.trim()).sentence();
      if (sentence.includes(' that ')) clauses++;
    }
    expect(sentences.length).to.be.above(1000);
    expect(clauses / sentences.length).to.be.above(0.5);
  });

  it('keeps to the depth', async () => {
    for (const depth of [0, 1, 2]) {
      const data = await load({ name: 'grammar', trainTokens: 30_000, depth, clauseRate: 0.4 });
      let deepest = 0;
      for (const sentence of symbolsOf(data, 'train').join(' ').split(' <eos>').slice(0, -1)) {
        const parser = new Parser(sentence.trim());
        parser.sentence();
        deepest = Math.max(deepest, parser.deepest);
      }
      expect(deepest).to.equal(depth);
    }
  });

  it('is the same for one seed and another for another', async () => {
    const [one, same, other] = await Promise.all([1, 1, 2].map((seed) => load({ name: 'grammar', seed })));
    for (const split of ['train', 'valid', 'test'] as const) {
      expect(tokensOf(one!, split)).to.deep.equal(tokensOf(same!, split));
      expect(tokensOf(one!, split)).not.to.deep.equal(tokensOf(other!, split));
    }
    expect(tokensOf(one!, 'valid')).not.to.deep.equal(tokensOf(one!, 'test'));
    expect(one!.floor!.value).to.equal(other!.floor!.value);
  });

  it('begins alike whatever the length', async () => {
    const short = await load({ name: 'grammar', trainTokens: 100, testTokens: 7 });
    const long = await load('grammar');
    expect(tokensOf(short, 'train')).to.deep.equal(tokensOf(long, 'train').slice(0, 100));
    expect(tokensOf(short, 'test')).to.deep.equal(tokensOf(long, 'test').slice(0, 7));
  });

  it('gets harder with depth and with more clauses', async () => {
    const floors = await Promise.all(
      [{ depth: 0 }, { depth: 1 }, { depth: 2 }, { depth: 2, clauseRate: 0.5 }].map(
        async (options) => (await load({ name: 'grammar', ...options })).floor!.value,
      ),
    );
    expect(floors).to.deep.equal([...floors].sort((a, b) => a - b));
    expect(new Set(floors).size).to.equal(4);
  });

  it('leaves much to learn: counts of single words do far worse than the floor', async () => {
    const data = await load('grammar');
    const counts = new Map<number, number>();
    const stream = tokensOf(data, 'train');
    for (const token of stream) counts.set(token, (counts.get(token) ?? 0) + 1);
    const unigram = [...counts.values()].reduce((sum, n) => sum - (n / stream.length) * Math.log(n / stream.length), 0);
    expect(Math.exp(unigram)).to.be.above(4 * data.floor!.value);
  });

  it('takes prompts and writes text, a sentence a line', async () => {
    const task = (await load('grammar')).task as LanguageTask;
    const prompt = 'the wolves that a king sees\nmany dogs';
    expect(task.detokenize([...task.tokenize(prompt)])).to.equal(prompt);
    expect((await rejection(async () => task.tokenize('the cats'))).code).to.equal('RNNX_TOKEN_UNKNOWN');
  });

  for (const options of [
    { depth: 4 },
    { clauseRate: 0 },
    { clauseRate: 0.9 },
    { trainTokens: 0 },
    { seed: -1 },
    { seeds: 1 },
  ])
    it(`refuses ${JSON.stringify(options)}`, async () => {
      const error = await rejection(async () => load({ name: 'grammar', ...options }));
      expect(error.code).to.equal('RNNX_CONFIG_INVALID');
    });
});
