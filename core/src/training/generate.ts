import * as tf from '@tensorflow/tfjs';
import type { Weights } from '../contracts/parameters.js';
import { RnnxError } from '../errors.js';
import type { ModelState, SequenceModel } from '../model/model.js';
import type { Rng } from '../random/rng.js';
import { evaluationPass } from './evaluate.js';
import { dispose, read } from './tensors.js';

export interface GenerateOptions {
  /** Tokens to go on from, after the task's start token; may be empty. */
  readonly prompt: Int32Array;
  /** Tokens to make. */
  readonly length: number;
  /** τ of p^(1/τ): 1 samples from the model, below 1 more cautiously, 0 takes the likeliest token. */
  readonly temperature: number;
  readonly rng: Rng;
}

/**
 * Samples tokens one by one. The i-th token is a function of rng, weights and what stands before it. Regularizers act as
 * in an evaluation.
 *
 * Errors, thrown at once: RNNX_OPTION_INVALID for a temperature below 0, a length that is no whole number, a prompt with
 * tokens outside the vocabulary, or a model that has no tokens.
 *
 * @param weights stay the caller's, and must live until the generator has ended
 */
export function generate(
  model: SequenceModel,
  weights: Weights,
  options: GenerateOptions,
): AsyncGenerator<number, void> {
  const { prompt, length, temperature } = options;
  if (model.task.kind !== 'language-model')
    throw invalid('Only language models generate text', `a model of ${model.task.kind}`, 'a model of tokens');
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY))
    throw invalid(
      'The temperature is out of range',
      String(temperature),
      'a number from 0 up; 1 samples from the model',
    );
  if (!Number.isSafeInteger(length) || length < 0)
    throw invalid('The length is out of range', String(length), 'a whole number of tokens, 0 or more');
  const size = model.task.vocabulary.symbols.length;
  const stranger = prompt.find((token) => token < 0 || token >= size);
  if (stranger !== undefined)
    throw invalid('The prompt has a token outside the vocabulary', String(stranger), `tokens from 0 to ${size - 1}`);
  return sample(model, weights, options, model.task.start);
}

async function* sample(
  model: SequenceModel,
  weights: Weights,
  { prompt, length, temperature, rng }: GenerateOptions,
  start: number,
): AsyncGenerator<number, void> {
  const pass = evaluationPass(model.monteCarlo);
  const noise = rng.stream('noise');
  const draws = rng.stream('draws');
  const words = new Uint32Array(4);
  let state: ModelState = model.initialState(pass.copies);
  let inputs = Int32Array.of(start, ...prompt);
  let past = 0; // steps since the state began
  try {
    for (let i = 0; i < length; i++) {
      await tf.nextFrame();
      const steps = inputs.length;
      const batch = { steps, batch: 1, inputs, targets: new Int32Array(steps), mask: null, start: past };
      const step = { ...pass, rng: noise.stream(`step-${i + 1}`) };
      const result = model.nextLogProbabilities(weights, batch, state, step);
      dispose(state);
      state = result.state;
      past += steps;
      const logProbabilities = await read(result.logProbabilities);
      draws.words(i, 0, words);
      const uniform = (words[0]! * 2 ** 21 + (words[1]! >>> 11)) * 2 ** -53;
      const token = draw(logProbabilities, temperature, uniform);
      yield token;
      inputs = Int32Array.of(token);
    }
  } finally {
    dispose(state);
  }
}

/** Inverts the distribution function of p^(1/τ); τ = 0 gives the first of the likeliest. */
function draw(logProbabilities: Float32Array, temperature: number, uniform: number): number {
  let best = 0;
  for (let i = 1; i < logProbabilities.length; i++) if (logProbabilities[i]! > logProbabilities[best]!) best = i;
  if (temperature === 0) return best;
  const weights = Float64Array.from(logProbabilities, (value) =>
    Math.exp((value - logProbabilities[best]!) / temperature),
  );
  let rest = uniform * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < weights.length; i++) {
    rest -= weights[i]!;
    if (rest < 0) return i;
  }
  return best; // rounding left a crumb
}

function invalid(summary: string, got: string, expected: string): RnnxError {
  return new RnnxError('RNNX_OPTION_INVALID', summary, { got, expected, remedy: 'call generate with such a value' });
}
