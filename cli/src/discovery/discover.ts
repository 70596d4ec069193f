import { type AnyPlugin, PluginRegistry, RnnxError } from '@rnnx/core';
import { builtinPlugins, type FoundPlugins, type PluginOrigin } from './builtin.js';
import { loadPlugins } from './third-party.js';

export interface Discovered {
  readonly registry: PluginRegistry;
  /** By `kind/name`. */
  readonly origins: ReadonlyMap<string, PluginOrigin>;
}

/**
 * A registry of what comes with rnnx, what a configuration names and what a program hands over.
 *
 * Errors: RNNX_PLUGIN_UNREADABLE, RNNX_PLUGIN_INVALID, RNNX_PLUGIN_INCOMPATIBLE, RNNX_PLUGIN_DUPLICATE.
 */
export async function discover(
  specs: readonly string[] = [],
  folder = process.cwd(),
  given: readonly AnyPlugin[] = [],
): Promise<Discovered> {
  const builtin = builtinPlugins();
  const found: FoundPlugins[] = [...builtin];
  for (const spec of new Set(specs)) found.push(await loadPlugins(spec, folder));
  found.push({ origin: { from: 'this program', version: null }, plugins: given });
  const registry = new PluginRegistry();
  const origins = new Map<string, PluginOrigin>();
  for (const each of found)
    for (const plugin of each.plugins) {
      // Ours are looked at by tests.
      registry.register(plugin, each.origin.from, builtin.includes(each));
      origins.set(`${plugin.kind}/${plugin.name}`, each.origin);
    }
  return { registry, origins };
}

/** The `plugins` of a configuration that is not validated yet: its schema needs them. Errors: RNNX_CONFIG_INVALID. */
export function pluginSpecs(plugins: unknown = []): readonly string[] {
  if (Array.isArray(plugins) && plugins.every((spec) => typeof spec === 'string' && spec !== '')) return plugins;
  throw new RnnxError('RNNX_CONFIG_INVALID', 'configuration: plugins is not valid', {
    got: JSON.stringify(plugins) ?? String(plugins),
    expected: 'an array of package names, short names or paths',
    remedy: 'correct it, or remove it',
  });
}
