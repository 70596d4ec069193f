import type * as tf from '@tensorflow/tfjs';
import type { ParameterSpec, Weights } from '../contracts/parameters.js';
import type { ModelShape, MonteCarlo, Regularizer } from '../contracts/regularizer.js';
import { RnnxError } from '../errors.js';

export interface NamedRegularizer {
  readonly name: string;
  readonly regularizer: Regularizer;
}

/** A regularizer under the name that its parameters and random streams carry. */
export interface Owned {
  readonly owner: string;
  readonly regularizer: Regularizer;
  readonly parameters: readonly ParameterSpec[];
}

/** First parts of the model's own parameter names. */
const reserved = /^(embedding|output|statistics|attention|joint|layer-\d+)$/;

/** Gives each regularizer a name of its own (`dropout`, `dropout-2`) and asks for its parameters. */
export function ownRegularizers(regularizers: readonly NamedRegularizer[], shape: ModelShape): Owned[] {
  const seen = new Map<string, number>();
  return regularizers.map(({ name, regularizer }) => {
    if (reserved.test(name))
      throw new RnnxError('RNNX_PLUGIN_INVALID', `A regularizer cannot be called "${name}"`, {
        got: name,
        expected: 'another name: parameters of the model begin so',
        remedy: 'rename the plugin',
      });
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    const owner = count === 1 ? name : `${name}-${count}`;
    return { owner, regularizer, parameters: regularizer.parameters?.(shape) ?? [] };
  });
}

/** The largest wishes; one way of averaging. Errors: RNNX_OPTION_CONFLICT. */
export function combineMonteCarlo(regularizers: readonly NamedRegularizer[]): MonteCarlo {
  const wishes = regularizers.flatMap(({ regularizer }) => regularizer.monteCarlo ?? []);
  const sampling = wishes.filter((wish) => wish.evaluate > 0);
  const averages = new Set(sampling.map((wish) => wish.average));
  if (averages.size > 1)
    throw new RnnxError(
      'RNNX_OPTION_CONFLICT',
      'Two regularizers want their Monte Carlo evaluations averaged in two ways',
      {
        got: [...averages].join(' and '),
        expected: 'one way for the whole model',
        remedy: 'give the regularizers the same evaluation',
      },
    );
  return {
    train: Math.max(1, ...wishes.map((wish) => wish.train)),
    evaluate: Math.max(0, ...wishes.map((wish) => wish.evaluate)),
    average: sampling[0]?.average ?? 'probabilities',
  };
}

/** The parameters under a prefix, by the names under which they were declared. */
export function scoped(weights: Weights, prefix: string): Weights {
  const scope: Record<string, tf.Tensor> = {};
  for (const [name, value] of Object.entries(weights))
    if (name.startsWith(`${prefix}/`)) scope[name.slice(prefix.length + 1)] = value;
  return scope;
}
