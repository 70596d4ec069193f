import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { markdown, median, summarize } from './report.js';
import { createWorkload, variants } from './workload.js';

describe('benchmark', () => {
  it('takes medians, and ratios round by round', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 2, 3])).to.equal(2.5);
    const raw = new Map([
      [
        'wasm',
        new Map([
          ['plain', [100, 10, 1]],
          ['noisin', [50, 8, 0.9]],
        ]),
      ],
      [
        'pytorch',
        new Map([
          ['plain', [200, 40, 1]],
          ['noisin', [50, 4, 0.1]],
        ]),
      ],
    ]);
    const [, noisin] = summarize('2x200', raw);
    expect(noisin).to.include({ engine: 'wasm', variant: 'noisin', median: 8, toPlain: 0.8, toPyTorch: 2 });
    const [alone] = summarize('2x200', new Map([['cpu', new Map([['plain', [5]]])]]));
    expect(alone!.toPyTorch).to.equal(null);
    const text = markdown({ machine: { cpu: 'some' }, rows: [noisin!] });
    expect(text).to.include('| 2x200 | wasm | noisin | 8.0 | 0.9 to 50.0 | 0.80 | 2.000 |');
  });

  for (const [variant, regularizers] of Object.entries(variants))
    it(`takes training steps without keeping tensors: ${variant}`, async () => {
      const before = tf.memory().numTensors;
      const workload = createWorkload({ hiddenSize: 3, steps: 2, batch: 2, vocabulary: 5 }, regularizers);
      expect(workload.tokens).to.equal(4);
      await workload.step();
      const held = tf.memory().numTensors;
      for (let i = 0; i < 3; i++) await workload.step();
      expect(tf.memory().numTensors).to.equal(held);
      workload.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
});
