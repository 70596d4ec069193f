import {
  type AnyPlugin,
  coreVersion,
  definePlugin,
  type NoiseDistribution,
  type PluginContext,
  type PluginRef,
  PluginRegistry,
  pluginReference,
  type Regularizer,
} from '@rnnx/core';
import { expect } from 'chai';
import { refusal } from '../support/errors.js';
import { testRegistry } from '../support/models.js';

interface Seen {
  readonly options: Record<string, unknown>;
  readonly context: PluginContext;
}

const noise: NoiseDistribution = {
  spreadDependent: false,
  sample: () => {
    throw new Error('not meant to be drawn');
  },
  moments: () => ({ skewness: 0, excessKurtosis: 0 }),
  support: () => [-1, 1],
};

/** A noise plugin that records what `create` is given. */
function recorder(name = 'recorder', changes: object = {}): { plugin: AnyPlugin; seen: Seen[] } {
  const seen: Seen[] = [];
  const plugin = definePlugin<'noise', Record<string, unknown>>({
    kind: 'noise',
    name,
    summary: 'Records what it is given',
    core: `^${coreVersion}`,
    paper: null,
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        width: { type: 'number', exclusiveMinimum: 0, default: 2, description: 'how wide' },
        shape: {
          type: 'object',
          additionalProperties: false,
          properties: { sides: { type: 'integer', default: 4 }, tags: { type: 'array', default: [] } },
          default: {},
          description: 'nested options',
        },
        label: { type: 'string', description: 'optional, without a default' },
      },
    },
    create: (options, context) => {
      seen.push({ options, context });
      return noise;
    },
    ...changes,
  });
  return { plugin: plugin as unknown as AnyPlugin, seen };
}

/** A regularizer one of whose options names a noise. */
const holder = definePlugin<'regularizer', { noise: PluginRef }>({
  kind: 'regularizer',
  name: 'holder',
  summary: 'Holds a noise',
  core: `^${coreVersion}`,
  paper: null,
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: { noise: pluginReference('noise', 'the noise it holds', 'recorder') },
  },
  create: (options, context): Regularizer => {
    context.create('noise', options.noise);
    return { perturb: () => [] };
  },
}) as unknown as AnyPlugin;

describe('PluginRegistry', () => {
  describe('register', () => {
    it('refuses a second plugin of one kind and name, and keeps the first', () => {
      const [first, second] = [recorder(), recorder()];
      const registry = new PluginRegistry([first.plugin]);
      const error = refusal('RNNX_PLUGIN_DUPLICATE', () => registry.register(second.plugin, 'rnnx-plugin-other'));
      expect(error.message).to.include('"recorder"').and.include('rnnx-plugin-other');
      registry.create('noise', 'recorder');
      expect([first.seen.length, second.seen.length]).to.deep.equal([1, 0]);
    });

    it('allows one name in two kinds', () => {
      const registry = new PluginRegistry([recorder('holder').plugin, holder]);
      expect(registry.list('noise').map(({ name }) => name)).to.deep.equal(['holder']);
      expect(registry.list('regularizer').map(({ name }) => name)).to.deep.equal(['holder']);
      expect(registry.list('cell')).to.deep.equal([]);
    });

    it('refuses a plugin for another core, naming both versions', () => {
      for (const core of ['^9.0.0', '<0.0.1']) {
        const { plugin } = recorder('old', { core });
        const error = refusal('RNNX_PLUGIN_INCOMPATIBLE', () => new PluginRegistry([plugin]));
        expect(error.message).to.include(core).and.include(coreVersion);
      }
      for (const core of ['*', `>=${coreVersion}`, coreVersion])
        new PluginRegistry([recorder('fits', { core }).plugin]);
    });

    it('refuses what did not come through definePlugin and is not right, naming where it came from', () => {
      const { plugin } = recorder();
      const broken: readonly unknown[] = [undefined, {}, { ...plugin, schema: {} }, { ...plugin, create: 'x' }];
      for (const value of broken) {
        const register = () => new PluginRegistry().register(value as AnyPlugin, 'rnnx-plugin-broken');
        expect(refusal('RNNX_PLUGIN_INVALID', register).message).to.include('rnnx-plugin-broken');
      }
    });

    it('refuses a schema with a misspelt keyword or a limit that is no number', () => {
      for (const option of [{ minimun: 0 }, { minimum: 'zero' }, { type: 'nmber' }, { $ref: 'rnnx:plugin/noises' }]) {
        const properties = { width: { description: 'how wide', ...option } };
        const { plugin } = recorder('odd', { schema: { type: 'object', additionalProperties: false, properties } });
        const error = refusal('RNNX_PLUGIN_INVALID', () => new PluginRegistry([plugin]));
        expect(error.message).to.include('"odd"');
      }
    });
  });

  describe('get', () => {
    it('names the nearest plugin of that kind where there is none of the name', () => {
      const error = refusal('RNNX_PLUGIN_UNKNOWN', () => testRegistry().get('noise', 'gausian'));
      expect(error.message).to.include('Did you mean "gaussian"?');
      expect(error.details.expected).to.include('gumbel');
      expect(refusal('RNNX_PLUGIN_UNKNOWN', () => testRegistry().get('cell', 'gaussian')).message).to.not.include(
        'Did',
      );
      expect(refusal('RNNX_PLUGIN_UNKNOWN', () => new PluginRegistry().get('cell', 'lstm')).message).to.include('cell');
    });
  });

  describe('create', () => {
    it('gives frozen options, filled with defaults, without the name', () => {
      const { plugin, seen } = recorder();
      const registry = new PluginRegistry([plugin]);
      expect(registry.create('noise', 'recorder')).to.equal(noise);
      const [{ options, context }] = seen as [Seen];
      expect(options).to.deep.equal({ width: 2, shape: { sides: 4, tags: [] } });
      expect(context).to.equal(registry);
      for (const part of [options, options.shape, (options.shape as { tags: unknown }).tags])
        expect(Object.isFrozen(part)).to.equal(true);
    });

    it('changes neither the reference nor the defaults of the schema', () => {
      const { plugin, seen } = recorder();
      const registry = new PluginRegistry([plugin]);
      const ref = { name: 'recorder', shape: { tags: ['a'] } };
      registry.create('noise', ref);
      expect(ref).to.deep.equal({ name: 'recorder', shape: { tags: ['a'] } });
      expect(Object.isFrozen(ref.shape.tags)).to.equal(false);
      registry.create('noise', 'recorder');
      registry.create('noise', { name: 'recorder', width: 3 });
      expect(seen.map(({ options }) => options)).to.deep.equal([
        { width: 2, shape: { sides: 4, tags: ['a'] } },
        { width: 2, shape: { sides: 4, tags: [] } },
        { width: 3, shape: { sides: 4, tags: [] } },
      ]);
    });

    const refused: readonly [string, object, string][] = [
      ['out of range', { width: 0 }, '> 0'],
      ['of the wrong type', { width: '2' }, '"2" (string)'],
      ['unknown, naming the nearest', { widht: 2 }, 'Did you mean "width"?'],
      ['unknown inside another', { shape: { side: 3 } }, 'Did you mean "sides"?'],
      ['out of place inside another', { shape: { sides: 1.5 } }, 'shape.sides'],
      ['NaN', { width: Number.NaN }, 'width'],
    ];
    for (const [what, options, said] of refused)
      it(`refuses an option that is ${what}`, () => {
        const { plugin, seen } = recorder();
        const create = () => new PluginRegistry([plugin]).create('noise', { name: 'recorder', ...options });
        expect(refusal('RNNX_CONFIG_INVALID', create).message).to.include(said).and.include('"recorder"');
        expect(seen).to.deep.equal([]);
      });

    it('refuses a reference that is none', () => {
      const registry = new PluginRegistry([recorder().plugin]);
      const functions = { name: 'recorder', width: () => 2 };
      for (const ref of [undefined, null, 3, {}, { width: 2 }, [], functions])
        refusal('RNNX_CONFIG_INVALID', () => registry.create('noise', ref as unknown as PluginRef));
    });

    it('creates the plugin that an option names: by default, by name, by name with options', () => {
      const [plain, other] = [recorder(), recorder('other')];
      const registry = new PluginRegistry([holder, plain.plugin, other.plugin]);
      registry.create('regularizer', 'holder');
      registry.create('regularizer', { name: 'holder', noise: 'other' });
      registry.create('regularizer', { name: 'holder', noise: { name: 'other', width: 7 } });
      expect(plain.seen.map(({ options }) => options.width)).to.deep.equal([2]);
      expect(other.seen.map(({ options }) => options.width)).to.deep.equal([2, 7]);
    });

    it('refuses bad options of the plugin that an option names before creating either', () => {
      const { plugin, seen } = recorder();
      const registry = new PluginRegistry([holder, plugin]);
      const create = (noise: unknown) => () => registry.create('regularizer', { name: 'holder', noise });
      expect(refusal('RNNX_CONFIG_INVALID', create({ name: 'recorder', width: -1 })).message).to.include('noise.width');
      expect(refusal('RNNX_PLUGIN_UNKNOWN', create('recoder')).message).to.include('"recorder"');
      expect(refusal('RNNX_PLUGIN_UNKNOWN', create({ name: 'recoder' })).message).to.include('"recorder"');
      expect(seen).to.deep.equal([]);
    });

    it('knows plugins registered after the first use', () => {
      const registry = new PluginRegistry([holder, recorder().plugin]);
      registry.create('regularizer', 'holder');
      const late = recorder('late');
      registry.register(late.plugin);
      registry.create('regularizer', { name: 'holder', noise: 'late' });
      expect(late.seen).to.have.length(1);
    });
  });

  describe('resolve', () => {
    it('gives the whole reference, frozen', () => {
      const resolved = testRegistry().resolve('regularizer', {
        name: 'noisin',
        spread: 1,
        distribution: { name: 'gamma' },
      });
      expect(resolved).to.include({ name: 'noisin', spread: 1, injection: 'multiplicative', learned: false });
      expect(resolved.distribution).to.include({ name: 'gamma' });
      expect(Object.isFrozen(resolved.distribution)).to.equal(true);
    });
  });
});
