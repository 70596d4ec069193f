import type { ClozeExample, ClozeTask } from '../../contracts/cloze.js';
import type { Rng } from '../../random/rng.js';

/**
 * The same question with other markers for its entities, drawn at random without repetition from all of the task: nothing
 * is left to know about an entity but what the passage says (Hermann et al. 2015, section 2.2).
 *
 * @param rng keyed for this example
 */
export function relabelEntities(
  example: ClozeExample,
  { entities }: Pick<ClozeTask, 'entities'>,
  rng: Rng,
): ClozeExample {
  const order = rng.permutation(entities.length);
  const isEntity = new Set(entities);
  const given = new Map<number, number>();
  const relabel = (token: number): number => {
    if (!isEntity.has(token)) return token;
    let other = given.get(token);
    if (other === undefined) {
      other = entities[order[given.size]!]!;
      given.set(token, other);
    }
    return other;
  };
  return {
    passage: example.passage.map(relabel),
    question: example.question.map(relabel),
    answer: relabel(example.answer),
  };
}
