import type { ClozeExample, ClozeSplit, ClozeTask } from '../../contracts/cloze.js';
import type { Task } from '../../contracts/dataset-provider.js';
import { RnnxError } from '../../errors.js';
import type { ClozeMinibatch, TokenBlock } from '../../model/minibatch.js';
import { relabelEntities } from './relabel-entities.js';
import { disagree, groupsOf, refuseSegments, type WindowPlan, type Windows } from './window-plan.js';

/**
 * Cloze questions, one prediction each. Passages and questions are never cut; the shorter ones of a minibatch are padded at
 * their end, and the padding is masked.
 *
 * Training: random order, or as many draws with replacement where the split says so; `batchSize` to a batch (the last may be
 * smaller); other markers for the entities of each text where the split says so. Back-propagation reaches through all of a
 * passage, so `bptt` must be as long as the longest. Evaluation: in the order of the split; `steps` has no influence.
 */
export const clozeWindows: Windows<ClozeSplit> = {
  training(split, task, options, order, name) {
    refuseSegments(options, split, name);
    const cloze = check(split, task, name);
    const longest = split.examples.reduce(
      (most, { passage, question }) => Math.max(most, passage.length, question.length),
      0,
    );
    if (options.bptt < longest)
      throw new RnnxError('RNNX_OPTION_CONFLICT', 'A reader back-propagates through whole passages', {
        got: `training.bptt ${options.bptt} and a passage of ${longest} tokens in the split "${name}"`,
        expected: `at least ${longest}`,
        remedy: `set training.bptt to ${longest}`,
      });
    const { length } = split.examples;
    const chosen = split.withReplacement
      ? [...order.stream('draws').doubles(length)].map((u) => Math.floor(u * length))
      : [...order.permutation(length)];
    // By place in the epoch, so that a text drawn twice has other markers each time.
    const exampleAt = (place: number) => {
      const example = split.examples[chosen[place]!]!;
      return split.shuffleEntities ? relabelEntities(example, cloze, order.stream(`entities/${place}`)) : example;
    };
    return cut(groupsOf([...chosen.keys()], options), exampleAt, cloze);
  },

  evaluation(split, task, { batchSize }, name) {
    const cloze = check(split, task, name);
    return cut(groupsOf([...split.examples.keys()], { batchSize }), (n) => split.examples[n]!, cloze);
  },
};

function cut(
  groups: readonly (readonly number[])[],
  exampleAt: (place: number) => ClozeExample,
  task: ClozeTask,
): WindowPlan<ClozeMinibatch> {
  const rowOf = new Map(task.answers.map((token, row) => [token, row]));
  return {
    length: groups.length,
    at(index) {
      const examples = groups[index]!.map(exampleAt);
      const passage = block(examples.map((example) => example.passage));
      const question = block(examples.map((example) => example.question));
      return {
        batch: {
          kind: 'cloze',
          batch: examples.length,
          ...passage,
          question,
          answers: Int32Array.from(examples, ({ answer }) => rowOf.get(answer)!),
        },
        fresh: true,
        count: examples.length,
        read: examples.reduce((sum, example) => sum + example.passage.length + example.question.length, 0),
      };
    },
  };
}

/** Sequences side by side, padded with token 0 at their end. */
function block(sequences: readonly Int32Array[]): TokenBlock {
  const batch = sequences.length;
  const steps = Math.max(...sequences.map(({ length }) => length));
  const inputs = new Int32Array(steps * batch);
  const mask = new Float32Array(steps * batch);
  for (const [b, tokens] of sequences.entries())
    for (const [t, token] of tokens.entries()) {
      inputs[t * batch + b] = token;
      mask[t * batch + b] = 1;
    }
  return { steps, inputs, mask: mask.includes(0) ? mask : null };
}

/** Errors: RNNX_SHAPE_MISMATCH, RNNX_DATA_TOO_SMALL. */
function check(split: ClozeSplit, task: Task, name: string): ClozeTask {
  if (task.kind !== 'cloze') throw disagree(name, 'cloze questions', task.kind);
  if (split.examples.length === 0)
    throw new RnnxError('RNNX_DATA_TOO_SMALL', `The split "${name}" has no question`, {
      got: '0 questions',
      expected: 'at least 1',
      remedy: 'give the dataset questions for this split',
    });
  const size = task.vocabulary.symbols.length;
  const answers = new Set(task.answers);
  const empty = ({ length }: Int32Array) => length === 0;
  const outside = (tokens: Int32Array) => tokens.some((token) => !(token >= 0 && token < size));
  for (const [n, { passage, question, answer }] of split.examples.entries()) {
    const wrong = (got: string, expected: string) =>
      new RnnxError('RNNX_SHAPE_MISMATCH', `Question ${n} of the split "${name}" does not fit the task`, {
        got,
        expected,
        remedy: 'correct the dataset plugin',
      });
    if (empty(passage) || empty(question)) throw wrong('an empty passage or question', 'at least one token each');
    if (outside(passage) || outside(question)) throw wrong('a token outside the vocabulary', `0 to ${size - 1}`);
    if (!answers.has(answer)) throw wrong(`answer ${answer}`, "one of the task's answers");
  }
  return task;
}
