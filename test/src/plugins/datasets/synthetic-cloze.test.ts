import type { ClozeSplit, ClozeTask, Dataset } from '@rnnx/core';
import { clozeShares, type QuestionText, sentencesOf, syntheticQuestions } from '@rnnx/datasets';
import { expect } from 'chai';
import { load } from '../../support/datasets.js';
import { refusal } from '../../support/errors.js';

const options = {
  seed: 1,
  trainQuestions: 2_000,
  validQuestions: 200,
  testQuestions: 2_000,
  entities: 5,
  sentences: 3,
  verbs: 4,
  answerable: 1,
};

/** Subjects of the facts that the question asks for. */
function solve({ passage, question }: QuestionText): string[] {
  const [, verb, object] = question;
  return sentencesOf(passage)
    .filter((fact) => fact.at(-3) === verb && fact.at(-2) === object)
    .map((fact) => fact[0]!);
}

const shares = (dataset: Dataset, split: 'train' | 'test') =>
  clozeShares(dataset.task as ClozeTask, dataset.splits.train as ClozeSplit, dataset.splits[split] as ClozeSplit);

describe('synthetic-cloze', () => {
  it('asks for exactly one fact of the passage, whose subject is the answer', () => {
    const { train, valid, test } = syntheticQuestions(options);
    for (const text of [...train, ...valid, ...test]) {
      expect(solve(text)).to.deep.equal([text.answer]);
      expect(text.question).to.have.length(3);
      for (const fact of sentencesOf(text.passage))
        expect(fact[0], 'nobody acts upon himself').not.to.equal(fact.at(-2));
    }
  });

  it('answers each way equally often, wherever the fact stands', () => {
    const { train } = syntheticQuestions(options);
    const answers = new Map<string, number>();
    const places = [0, 0, 0];
    for (const text of train) {
      answers.set(text.answer, (answers.get(text.answer) ?? 0) + 1);
      places[
        sentencesOf(text.passage).findIndex((fact) => fact[0] === text.answer && fact.at(-3) === text.question[1])
      ]!++;
    }
    // Five standard deviations of a binomial count.
    for (const count of answers.values()) expect(count).to.be.within(400 - 90, 400 + 90);
    for (const count of places) expect(count).to.be.within(667 - 106, 667 + 106);
    expect(answers.size).to.equal(5);
  });

  it('leaves a share of the questions without their fact, whose answers are uniform: the floor counts them', async () => {
    const half = { ...options, answerable: 0.6 };
    const { test } = syntheticQuestions(half);
    const told = test.filter((text) => solve(text).length > 0);
    expect(told.length / test.length).to.be.closeTo(0.6, 5 * Math.sqrt(0.24 / 2_000));
    // The best answer: that of the fact where there is one, else any entity but the object.
    let wrong = 0;
    const guesses = new Map<number, number>();
    for (const text of test) {
      const number = (marker: string) => Number(marker.slice(7));
      const found = solve(text)[0];
      const guess = `@entity${(number(text.question[2]!) + 1) % 5}`;
      if ((found ?? guess) !== text.answer) wrong++;
      if (found !== undefined) continue;
      const after = (number(text.answer) - number(text.question[2]!) + 5) % 5;
      guesses.set(after, (guesses.get(after) ?? 0) + 1);
    }
    const { floor } = await load({ name: 'synthetic-cloze', ...half });
    expect(floor!.value).to.be.closeTo(30, 1e-9);
    expect((100 * wrong) / test.length).to.be.closeTo(30, 500 * Math.sqrt(0.21 / 2_000));
    expect([...guesses.keys()].sort()).to.deep.equal([1, 2, 3, 4]);
    const expected = (test.length - told.length) / 4;
    for (const count of guesses.values()) expect(count).to.be.closeTo(expected, 5 * Math.sqrt(expected));
  });

  it('has floor 0 where every question is answered', async () => {
    const dataset = await load({ name: 'synthetic-cloze', trainQuestions: 50 });
    expect(dataset.floor!.value).to.equal(0);
    expect(dataset.task.metric).to.equal('error-rate');
  });

  it('counts what naive answers reach', async () => {
    const dataset = await load({ name: 'synthetic-cloze', ...options, shuffleEntities: 'none' });
    const { train, test } = syntheticQuestions(options);
    const share = (right: (text: QuestionText) => boolean) => test.filter(right).length / test.length;
    const counts = new Map<string, number>();
    for (const { answer } of train) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    const commonest = [...counts].sort((a, b) => b[1] - a[1])[0]![0];
    const found = shares(dataset, 'test');
    expect(found.answerable).to.equal(1);
    expect(found.first).to.equal(share(({ passage, answer }) => passage[0] === answer));
    expect(found.majority).to.equal(share(({ answer }) => answer === commonest));
    expect(found.random).to.be.within(0.2, 0.5);
  });

  it('begins a longer split like a shorter, and changes with the seed', () => {
    const { train } = syntheticQuestions({ ...options, trainQuestions: 5 });
    const longer = syntheticQuestions({ ...options, trainQuestions: 9 }).train;
    expect(longer.slice(0, 5)).to.deep.equal(train);
    expect(syntheticQuestions({ ...options, seed: 2, trainQuestions: 5 }).train).not.to.deep.equal(train);
  });

  it('refuses more facts than there are pairs', () => {
    refusal('RNNX_OPTION_CONFLICT', () => syntheticQuestions({ ...options, sentences: 21 }));
    syntheticQuestions({ ...options, trainQuestions: 3, testQuestions: 1, sentences: 20 });
    refusal('RNNX_OPTION_CONFLICT', () => syntheticQuestions({ ...options, sentences: 20, answerable: 0.5 }));
  });
});
