import { type AnyPlugin, definePlugin, type PluginKind, PluginRegistry, pluginReference } from '@rnnx/core';

/** A plugin that only its schema matters of. */
export function stub(kind: PluginKind, name: string, properties: Record<string, object> = {}): AnyPlugin {
  return definePlugin({
    kind,
    name,
    summary: `A ${kind} called ${name}.`,
    core: '^0.1.0',
    paper: null,
    schema: { type: 'object', additionalProperties: false, properties },
    create: () => {
      throw new Error('not meant to be created');
    },
  } as never) as AnyPlugin;
}

export function stubRegistry(): PluginRegistry {
  return new PluginRegistry([
    stub('cell', 'lstm', { bias: { description: 'Bias', type: 'boolean', default: true } }),
    stub('cell', 'gru'),
    stub('dataset', 'grammar', { size: { description: 'Tokens', type: 'integer', minimum: 10, default: 100 } }),
    stub('dataset', 'text'),
    stub('noise', 'gaussian'),
    stub('noise', 'gamma', { shape: { description: 'Shape', type: 'number', exclusiveMinimum: 0, default: 2 } }),
    stub('regularizer', 'noisin', {
      distribution: pluginReference('noise', 'Noise', 'gaussian'),
      spread: { description: 'Standard deviation', type: 'number', exclusiveMinimum: 0, default: 0.5 },
    }),
    stub('regularizer', 'mixture', {
      parts: { description: 'Noises', type: 'array', items: { $ref: 'rnnx:plugin/noise' }, default: ['gamma'] },
    }),
    stub('backend', 'cpu'),
  ]);
}
