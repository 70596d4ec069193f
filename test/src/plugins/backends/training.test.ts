import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { useBackend, useStockBackend } from '../../support/backend.js';

const [words, width, batch, steps] = [11, 6, 3, 4];

/** Deterministic numbers between -0.3 and 0.3, as a starting point. */
function weights(shape: number[], phase: number): tf.Variable {
  const size = shape.reduce((product, each) => product * each, 1);
  const values = Float32Array.from({ length: size }, (_, i) => 0.3 * Math.sin(phase + 12.9898 * i));
  return tf.tidy(() => tf.variable(tf.tensor(values, shape)));
}

/** Trains a small LSTM language model in plain tfjs operations by gradient descent; the loss at each step. */
async function train(updates: number): Promise<number[]> {
  const parameters = {
    embedding: weights([words, width], 1),
    input: weights([width, 4 * width], 2),
    recurrent: weights([width, 4 * width], 3),
    bias: weights([4 * width], 4),
    output: weights([width, words], 5),
  };
  const tokens = Array.from({ length: (steps + 1) * batch }, (_, i) => (i * i + 3 * i) % words);
  const loss = (): tf.Scalar => {
    const { embedding, input, recurrent, bias, output } = parameters;
    const read = tf.tensor1d(tokens.slice(0, steps * batch), 'int32');
    const expected = tokens.slice(batch).map((token, i) => i * words + token);
    const xs = tf.matMul(tf.gather(embedding, read) as tf.Tensor2D, input as unknown as tf.Tensor2D).add(bias);
    let h: tf.Tensor = tf.zeros([batch, width]);
    let c: tf.Tensor = tf.zeros([batch, width]);
    const tops: tf.Tensor[] = [];
    for (const x of tf.unstack(xs.reshape([steps, batch, 4 * width]))) {
      const [i, f, g, o] = tf.split(x.add(tf.matMul(h as tf.Tensor2D, recurrent as unknown as tf.Tensor2D)), 4, 1);
      c = f!.sigmoid().mul(c).add(i!.sigmoid().mul(g!.tanh()));
      h = o!.sigmoid().mul(c.tanh());
      tops.push(h);
    }
    const logits = tf.matMul(tf.concat(tops) as tf.Tensor2D, output as unknown as tf.Tensor2D);
    return tf.gather(tf.logSoftmax(logits).flatten(), tf.tensor1d(expected, 'int32')).mean().neg().asScalar();
  };
  const losses: number[] = [];
  let tensors = 0;
  for (let update = 0; update < updates; update++) {
    const { value, grads } = tf.variableGrads(loss, Object.values(parameters));
    losses.push((await value.data())[0]!);
    for (const variable of Object.values(parameters))
      tf.tidy(() => variable.assign(variable.sub(grads[variable.name]!.mul(2))));
    tf.dispose([value, grads]);
    if (update === 0) tensors = tf.memory().numTensors;
    else expect(tf.memory().numTensors, 'tensors').to.equal(tensors);
  }
  tf.dispose(Object.values(parameters));
  return losses;
}

describe('training a small LSTM in plain tfjs operations', () => {
  after(() => useBackend('cpu'));

  it('lowers the loss, by the same numbers on every backend and by the same bits when repeated', async () => {
    await useStockBackend();
    const stock = await train(20);
    expect(stock.at(-1)!).to.be.lessThan(0.8 * stock[0]!);
    for (const name of ['cpu', 'wasm'] as const) {
      await useBackend(name);
      const losses = await train(20);
      for (const [i, loss] of losses.entries()) expect(loss, `${name}, step ${i}`).to.be.closeTo(stock[i]!, 1e-4);
      expect(await train(20), `${name} again`).to.deep.equal(losses);
    }
  });
});
