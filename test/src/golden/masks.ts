import * as tf from '@tensorflow/tfjs';
import { resolveTechnique } from '../support/techniques.js';
import { batch, drawsOf, modelOf, passOf, sizes, techniqueCases, weightsOf } from './technique-cases.js';

/**
 * Writes what techniques.py works from: weights, tokens and the masks that the plugins draw.
 *
 *     node test/dist/golden/masks.js | python3 test/src/golden/techniques.py > test/src/golden/techniques.json
 */
const cases = [];
for (const entry of techniqueCases) {
  const model = modelOf(entry);
  const weights = weightsOf(model);
  const values: Record<string, { shape: readonly number[]; values: number[] }> = {};
  for (const [name, tensor] of Object.entries(weights))
    values[name] = { shape: tensor.shape, values: Array.from(await tensor.data(), (v) => Number(v.toPrecision(9))) };
  const { phase, copies } = passOf(entry);
  cases.push({
    id: entry.id,
    cell: entry.cell,
    phase,
    copies,
    regularizers: entry.regularizers.map(resolveTechnique),
    draws: await drawsOf(entry, model),
    weights: values,
  });
  tf.dispose(weights);
}
const tokens = { inputs: Array.from(batch.inputs), targets: Array.from(batch.targets) };
console.log(JSON.stringify({ sizes, ...tokens, cases }));
