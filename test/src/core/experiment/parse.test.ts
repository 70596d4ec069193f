import { type ExperimentConfig, parseExperiment, RnnxError } from '@rnnx/core';
import { expect } from 'chai';
import { stubRegistry } from './fixtures.js';

function failure(value: unknown): RnnxError {
  try {
    parseExperiment(stubRegistry(), value);
  } catch (error) {
    if (error instanceof RnnxError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

describe('parseExperiment', () => {
  it('fills in everything from a data set alone, plugin options included', () => {
    const config = parseExperiment(stubRegistry(), { dataset: 'grammar' });
    expect(config.dataset).to.deep.equal({ name: 'grammar', size: 100 });
    expect(config.model.cell).to.deep.equal({ name: 'lstm', bias: true });
    expect(config.model.init).to.deep.equal({ name: 'uniform', scale: 0.1 });
    expect(config.model.embeddingInit).to.equal(null);
    expect(config.training.optimizer).to.deep.equal({
      name: 'adam',
      learningRate: 0.001,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
    });
    expect(config.seeds).to.deep.equal([1]);
    expect([config.model.initialState, config.training.segments]).to.deep.equal(['zero', 'streamed']);
    expect(config.backend).to.equal('auto');
    expect(config.evaluation.batchSize).to.equal(1);
  });

  it('has fields for exactly what the configuration type names', () => {
    const fields: Record<keyof ExperimentConfig, true> = {
      name: true,
      dataset: true,
      model: true,
      regularizers: true,
      training: true,
      evaluation: true,
      seeds: true,
      backend: true,
      plugins: true,
      variants: true,
    };
    expect(parseExperiment(stubRegistry(), { dataset: 'grammar' })).to.have.all.keys(...Object.keys(fields));
  });

  it('fills in defaults behind if/else, discriminators, references and arrays', () => {
    const config = parseExperiment(stubRegistry(), {
      dataset: 'grammar',
      model: { outputInit: { name: 'orthogonal' } },
      training: { optimizer: { name: 'momentum', learningRate: 2 }, schedule: { name: 'zaremba', after: 4 } },
      regularizers: ['noisin', { name: 'noisin', distribution: { name: 'gamma' } }, 'mixture'],
    });
    expect(config.model.outputInit).to.deep.equal({ name: 'orthogonal', gain: 1 });
    expect(config.training.optimizer).to.deep.equal({
      name: 'momentum',
      learningRate: 2,
      momentum: 0.9,
      nesterov: false,
    });
    expect(config.training.schedule).to.deep.equal({ name: 'zaremba', after: 4, factor: 0.5 });
    expect(config.regularizers).to.deep.equal([
      { name: 'noisin', distribution: { name: 'gaussian' }, spread: 0.5 },
      { name: 'noisin', distribution: { name: 'gamma', shape: 2 }, spread: 0.5 },
      { name: 'mixture', parts: [{ name: 'gamma', shape: 2 }] },
    ]);
  });

  it('gives the same when what it gave is parsed again', () => {
    const registry = stubRegistry();
    const once = parseExperiment(registry, {
      dataset: 'grammar',
      regularizers: ['mixture'],
      variants: { none: { regularizers: [] } },
    });
    expect(parseExperiment(registry, once)).to.deep.equal(once);
  });

  it('freezes the result, leaves the input alone and drops $schema', () => {
    const input = { $schema: './rnnx.schema.json', dataset: 'grammar', model: {} };
    const config = parseExperiment(stubRegistry(), input);
    expect(input).to.deep.equal({ $schema: './rnnx.schema.json', dataset: 'grammar', model: {} });
    expect(config).not.to.have.property('$schema');
    expect(Object.isFrozen(config.training.optimizer)).to.equal(true);
    expect(() => Object.assign(config.model, { layers: 3 })).to.throw(TypeError);
  });

  it('names the path, what came, what was expected and the nearest name', () => {
    const error = failure({ dataset: 'grammar', training: { epoch: 3 } });
    expect(error.code).to.equal('RNNX_CONFIG_INVALID');
    expect(error.message).to.include('training is not valid');
    expect(error.details.got).to.equal('unknown option "epoch"');
    expect(error.details.expected).to.include('epochs');
    expect(error.details.remedy).to.include('Did you mean "epochs"?');
  });

  const bad: readonly (readonly [string, unknown, RegExp, RegExp, RegExp])[] = [
    [
      'a wrong type',
      { dataset: 'grammar', training: { epochs: 'ten' } },
      /training\.epochs/,
      /"ten" \(string\)/,
      /^integer >= 1$/,
    ],
    ['a value out of range', { dataset: 'grammar', model: { layers: 0 } }, /model\.layers/, /^0$/, /integer >= 1/],
    [
      'a fraction above one',
      { dataset: 'grammar', training: { optimizer: { name: 'momentum', momentum: 1 } } },
      /training\.optimizer\.momentum/,
      /^1$/,
      />= 0 and < 1/,
    ],
    [
      'NaN',
      { dataset: 'grammar', training: { clipNorm: Number.NaN } },
      /training\.clipNorm/,
      /./,
      /number or null > 0/,
    ],
    [
      'an unknown optimizer',
      { dataset: 'grammar', training: { optimizer: { name: 'adm' } } },
      /training\.optimizer/,
      /name "adm"/,
      /adam/,
    ],
    [
      'an infinite value',
      { dataset: 'grammar', training: { epochs: Number.POSITIVE_INFINITY } },
      /training\.epochs/,
      /^Infinity \(number\)$/,
      /integer >= 1/,
    ],
    ['no data set', {}, /the whole value/, /^no "dataset"$/, /"dataset"/],
    ['another value than an object', [], /the whole value/, /\[\] \(array\)/, /object/],
    [
      'a plugin option out of range',
      { dataset: { name: 'grammar', size: 1 } },
      /dataset\.size/,
      /^1$/,
      /integer >= 10/,
    ],
    [
      'an unknown plugin option',
      { dataset: 'grammar', regularizers: [{ name: 'noisin', spred: 1 }] },
      /regularizers\[0\]/,
      /"spred"/,
      /spread/,
    ],
    ['a reference that is neither name nor object', { dataset: 7 }, /dataset/, /7 \(number\)/, /a name, or an object/],
    [
      'such a reference inside an array',
      { dataset: 'grammar', regularizers: [3] },
      /regularizers\[0\]/,
      /3 \(number\)/,
      /^regularizer: a name, or an object/,
    ],
    ['a repeated seed', { dataset: 'grammar', seeds: [1, 1] }, /seeds/, /\[1,1\]/, /without repetition/],
    ['a name unfit for a folder', { dataset: 'grammar', name: '../x' }, /name/, /"\.\.\/x"/, /matching/],
    ['a function', { dataset: 'grammar', name: () => 'x' }, /not data/, /could not be cloned/, /strings/],
  ];
  for (const [what, value, path, got, expected] of bad)
    it(`refuses ${what}`, () => {
      const error = failure(value);
      expect(error.code).to.equal('RNNX_CONFIG_INVALID');
      expect(error.message.split('\n')[0]).to.match(path);
      expect(error.details.got).to.match(got);
      expect(error.details.expected).to.match(expected);
    });

  const unknown: readonly (readonly [string, unknown, RegExp, string])[] = [
    ['a data set', { dataset: 'gramar' }, /dataset names no known dataset/, 'grammar'],
    ['a cell', { dataset: 'grammar', model: { cell: { name: 'lst' } } }, /model\.cell names no known cell/, 'lstm'],
    [
      'a regularizer',
      { dataset: 'grammar', regularizers: ['noisn'] },
      /regularizers\[0\] names no known regularizer/,
      'noisin',
    ],
    [
      'a regularizer with options',
      { dataset: 'grammar', regularizers: ['noisin', { name: 'noisn', spread: 1 }] },
      /regularizers\[1\] names no known regularizer/,
      'noisin',
    ],
    [
      'a nested noise',
      { dataset: 'grammar', regularizers: [{ name: 'noisin', distribution: 'gausian' }] },
      /regularizers\[0\]\.distribution names no known noise/,
      'gaussian',
    ],
    ['a backend', { dataset: 'grammar', backend: 'cpuu' }, /backend names no known backend/, 'cpu'],
  ];
  for (const [what, value, summary, suggestion] of unknown)
    it(`says which ${what.replace('a ', '')} was meant by an unknown name`, () => {
      const error = failure(value);
      expect(error.code).to.equal('RNNX_PLUGIN_UNKNOWN');
      expect(error.message).to.match(summary);
      expect(error.details.remedy).to.include(`Did you mean "${suggestion}"?`);
    });

  const conflicts: readonly (readonly [string, object, RegExp])[] = [
    ['tied weights of unequal width', { model: { tied: true, embeddingSize: 3, hiddenSize: 4 } }, /model\.tied/],
    ['an initialiser that nothing uses', { model: { tied: true, outputInit: { name: 'zeros' } } }, /outputInit/],
    [
      'Nesterov without momentum',
      { training: { optimizer: { name: 'momentum', momentum: 0, nesterov: true } } },
      /nesterov/,
    ],
    ['shuffled segments that carry a state', { training: { segments: 'shuffled' } }, /segments/],
  ];
  for (const [what, value, summary] of conflicts)
    it(`refuses ${what}`, () => {
      const error = failure({ dataset: 'grammar', ...value });
      expect(error.code).to.equal('RNNX_OPTION_CONFLICT');
      expect(error.message).to.match(summary);
    });
});
