import { createRng, type LabelledMinibatch, type Minibatch } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type PyTorch, type PyTorchSpec, startPyTorch } from './pytorch.js';
import { tiny } from './scale.js';
import { createModel, minibatch, type Spec } from './workload.js';

const language: Spec = { ...tiny.language[4]!, inputs: 7, outputs: 7 };

/** Weights that PyTorch's program can make too, whatever its layout: `loss_of` in pytorch.py. */
function simple(name: string, shape: readonly number[]): tf.Tensor {
  if (name.includes('bias') || name.includes('beta')) return tf.zeros([...shape]);
  if (name !== 'embedding' && name !== 'output/weight') return tf.fill([...shape], 0.5);
  const [rows] = shape;
  return tf.mul(tf.cos(tf.range(0, rows!)).reshape([-1, 1]), tf.ones([...shape]));
}

/** Between 0 and 1. */
function waves({ inputs }: Pick<Minibatch, 'inputs'>): Float32Array {
  return Float32Array.from({ length: inputs.length }, (_, i) => 0.5 + 0.5 * Math.sin(i));
}

describe('benchmark: PyTorch’s programs are those of the library', () => {
  let pytorch: PyTorch | undefined;
  before(async function () {
    this.timeout(120_000);
    pytorch = await startPyTorch(1);
    if (pytorch !== undefined) return;
    console.warn('      skipped: no PyTorch here');
    this.skip();
  });
  after(() => pytorch?.close());

  const specs: Record<string, readonly [theirs: PyTorchSpec, ours?: Spec]> = {
    'language model': [language],
    // Its noise is drawn as zero there.
    'language model with NOISIN': [{ ...language, variant: 'noisin' }, language],
    'language model with NOISIN, nn.LSTMCell': [{ ...language, variant: 'noisin', program: 'cells' }, language],
    GRU: [tiny.music],
    RNN: [{ ...tiny.music, cell: 'rnn' }],
    'fast dropout': [{ ...tiny.music, cell: 'fast-dropout' }],
    'batch-normalised LSTM': [tiny.digits],
  };
  for (const [name, [theirs, ours = theirs as Spec]] of Object.entries(specs))
    it(name, async () => {
      const model = createModel(ours);
      const data = { ...minibatch(ours) } as Minibatch | LabelledMinibatch;
      // Notes are too rare among so few.
      if (ours.task === 'music') Object.assign(data, { inputs: waves(data), targets: waves(data).map(Math.round) });
      const weights = tf.tidy(() =>
        Object.fromEntries(model.specs.map((spec) => [spec.name, simple(spec.name, spec.shape)])),
      );
      const state = model.initialState(ours.batch);
      const pass = { phase: 'train', copies: 1, average: 'log-probabilities', rng: createRng(1) } as const;
      const result = model.lossAndGradients(weights, data, state, 1 / ours.batch, pass);
      const [loss] = await result.loss.data();
      tf.dispose([weights, state as never, result as never]);

      const targets = data.kind === 'labelled' ? data.labels : data.targets;
      const reference = await pytorch!.loss(theirs, Array.from(data.inputs), Array.from(targets));
      expect(loss).to.be.closeTo(reference, 3e-6 * Math.abs(reference));
    });
});
