import { createSequenceModel, type ModelConfig, PluginRegistry, parseExperiment } from '@rnnx/core';
import { presets } from '@rnnx/presets';
import { expect } from 'chai';
import { testRegistry, wordTask } from '../../support/models.js';
import { stub } from '../experiment/fixtures.js';

/** Counted from the declarations: nothing is allocated. */
function count(config: ModelConfig, vocabulary: number): number {
  const cell = testRegistry().create('cell', config.cell);
  const { specs } = createSequenceModel({ config, task: wordTask(vocabulary), cell, regularizers: [] });
  return specs.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
}

function preset(name: string): ModelConfig {
  const found = presets.find((candidate) => candidate.name === name)!;
  const kinds = (['cell', 'regularizer', 'noise'] as const).flatMap((kind) => testRegistry().list(kind));
  return parseExperiment(new PluginRegistry([...kinds, stub('dataset', 'ptb')]), found.config).model;
}

describe('numbers of parameters', () => {
  // Dieng et al. 2018 print 13 and 51 million. A count with two bias vectors a gate block (PyTorch) gives 13.28 and 51.03
  // million; cells here have one: 8·H fewer in two layers.
  const published = [
    ['medium', 650, 13, 13_275_200, 13.28],
    ['large', 1500, 51, 51_022_000, 51.03],
  ] as const;
  for (const [size, hiddenSize, millions, exact, twoBiases] of published) {
    it(`noisin-ptb-${size} has the ${millions} million of the paper`, () => {
      const config = preset(`noisin-ptb-${size}`);
      expect(config).to.include({ tied: true, hiddenSize, layers: 2 });
      expect(count(config, 10_000)).to.equal(exact);
      expect(Math.round(exact / 1e6)).to.equal(millions);
      expect(((exact + 8 * hiddenSize) / 1e6).toFixed(2)).to.equal(twoBiases.toFixed(2));
    });

    it(`noisin-ptb-${size} would not have it untied`, () => {
      const untied = count({ ...preset(`noisin-ptb-${size}`), tied: false }, 10_000);
      expect(untied - exact).to.equal(10_000 * hiddenSize);
      expect(Math.round(untied / 1e6)).to.be.above(millions + 6);
    });
  }

  it('are those of the equations for every cell', () => {
    const config = { ...preset('noisin-ptb-small'), hiddenSize: 6, embeddingSize: 5, tied: false, layers: 2 };
    const [V, E, H] = [11, 5, 6];
    const ends = V * E + V * H + V;
    const layers = (gates: number, extra = 0) => gates * H * (E + H + 1) + gates * H * (H + H + 1) + 2 * extra;
    expect(count({ ...config, cell: 'lstm' }, V)).to.equal(ends + layers(4));
    expect(count({ ...config, cell: { name: 'gru', reset: 'before' } }, V)).to.equal(ends + layers(3));
    expect(count({ ...config, cell: 'gru' }, V)).to.equal(ends + layers(3, H));
    expect(count({ ...config, cell: 'rnn' }, V)).to.equal(ends + layers(1));
  });
});
