import {
  type AnyPlugin,
  Backend,
  Cell,
  DatasetProvider,
  definePlugin,
  type PluginKind,
  PluginRegistry,
  parseExperiment,
  Regularizer,
  type Token,
} from '@rnnx/core';
import { expect } from 'chai';
import { createRunScope } from '../../../cli/dist/container.js';

/** Each call makes an object that says which plugin it is from. */
function marked(kind: PluginKind, name: string): AnyPlugin {
  return definePlugin({
    kind,
    name,
    summary: 'Marked.',
    core: '^0.1.0',
    paper: null,
    schema: { type: 'object', additionalProperties: false, properties: {} },
    create: () => ({ name }),
  } as never) as AnyPlugin;
}

describe('the container of a run', () => {
  const registry = new PluginRegistry([
    marked('cell', 'lstm'),
    marked('dataset', 'grammar'),
    marked('backend', 'cpu'),
    marked('regularizer', 'noisin'),
    marked('regularizer', 'dropout'),
  ]);
  const config = (regularizers: readonly string[]) => parseExperiment(registry, { dataset: 'grammar', regularizers });

  it('gives each token its plugin, one instance a run', () => {
    const scope = createRunScope(registry, config([]), 'cpu');
    const expected: readonly (readonly [Token<object>, string])[] = [
      [Cell, 'lstm'],
      [DatasetProvider, 'grammar'],
      [Backend, 'cpu'],
    ];
    for (const [token, name] of expected) {
      expect(scope.resolve(token)).to.deep.equal({ name });
      expect(scope.resolve(token)).to.equal(scope.resolve(token));
    }
    expect(scope.regularizers()).to.deep.equal([]);
  });

  it('keeps the order of regularizers; the model tells equal names apart', () => {
    const scope = createRunScope(registry, config(['noisin', 'dropout', 'noisin']), 'cpu');
    const named = scope.regularizers();
    expect(named.map(({ name }) => name)).to.deep.equal(['noisin', 'dropout', 'noisin']);
    expect(named.map(({ regularizer }) => regularizer)).to.deep.equal([
      { name: 'noisin' },
      { name: 'dropout' },
      { name: 'noisin' },
    ]);
    expect(named[0]!.regularizer).not.to.equal(named[2]!.regularizer);
  });

  it('shares nothing between runs and gives nothing after its end', async () => {
    const first = createRunScope(registry, config(['noisin']), 'cpu');
    const second = createRunScope(registry, config(['noisin']), 'cpu');
    expect(first.resolve(Cell)).not.to.equal(second.resolve(Cell));
    await first.dispose();
    expect(() => first.resolve(Cell)).to.throw();
    expect(() => first.resolve(Regularizer)).to.throw();
    expect(second.resolve(Cell)).to.deep.equal({ name: 'lstm' });
    await second.dispose();
  });
});
