import { expect } from 'chai';
import { applySet } from '../../../../cli/dist/config/set.js';
import { failureOf } from '../helpers.js';

describe('--set', () => {
  const config = {
    dataset: 'grammar',
    training: { epochs: 5, optimizer: { name: 'adam' } },
    regularizers: [{ name: 'noisin', spread: 1 }],
    variants: { none: { regularizers: [] } },
  };

  const cases: readonly (readonly [string, object])[] = [
    ['training.epochs=3', { ...config, training: { ...config.training, epochs: 3 } }],
    ['regularizers.0.spread=0.5', { ...config, regularizers: [{ name: 'noisin', spread: 0.5 }] }],
    ['regularizers=[]', { ...config, regularizers: [] }],
    ['model.cell.bias=false', { ...config, model: { cell: { bias: false } } }],
    ['dataset.seed=4', { ...config, dataset: { name: 'grammar', seed: 4 } }],
    ['backend=wasm', { ...config, backend: 'wasm' }],
    ['name=a=b', { ...config, name: 'a=b' }],
    [
      'variants.none.training.epochs=2',
      { ...config, variants: { none: { regularizers: [], training: { epochs: 2 } } } },
    ],
    ['variants.more={"seeds":[2]}', { ...config, variants: { none: { regularizers: [] }, more: { seeds: [2] } } }],
    ['training.clipNorm=null', { ...config, training: { ...config.training, clipNorm: null } }],
  ];
  for (const [assignment, expected] of cases)
    it(`${assignment} changes that and nothing else`, () => {
      const before = structuredClone(config);
      expect(applySet(config, assignment)).to.deep.equal(expected);
      expect(config).to.deep.equal(before);
    });

  for (const [assignment, summary] of [
    ['training.epochs', /path=value/],
    ['=3', /path=value/],
    ['a..b=3', /path=value/],
    ['training.epochs.x=1', /training\.epochs has nothing inside/],
    ['regularizers.1.spread=1', /no such entry/],
    ['regularizers.x=1', /no such entry/],
    ['variants.non.training.epochs=2', /no variant "non"[\s\S]*one of none[\s\S]*Did you mean "none"/],
    ['__proto__.polluted=1', /cannot set/],
  ] as const)
    it(`refuses ${assignment}`, async () => {
      const error = await failureOf(() => applySet(config, assignment));
      expect(error.code).to.equal('RNNX_USAGE');
      expect(error.message).to.match(summary);
      expect({}).not.to.have.property('polluted');
    });
});
