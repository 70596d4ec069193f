import 'reflect-metadata';
import {
  Backend,
  Cell,
  DatasetProvider,
  type ExperimentConfig,
  type NamedRegularizer,
  type PluginRef,
  type PluginRegistry,
  Regularizer,
  type Token,
  token,
} from '@rnnx/core';
import { type DependencyContainer, type InjectionToken, instanceCachingFactory, container as root } from 'tsyringe';

/** The registry of the process that the run belongs to. */
export const Registry = token<PluginRegistry>('PluginRegistry');

/** What belongs to one run; made when first asked for, gone with the scope. */
export interface RunScope {
  resolve<T>(token: Token<T>): T;
  /** In the order of the configuration, each with a name of its own. */
  regularizers(): readonly NamedRegularizer[];
  dispose(): Promise<void>;
}

/** tsyringe knows our tokens as plain symbols; the type comes back here. */
function resolveFrom<T>(container: DependencyContainer, wanted: Token<T>): T {
  return container.resolve<T>(wanted as unknown as InjectionToken<T>);
}

/**
 * The plugins of one run in a container of its own: tokens `Cell`, `Regularizer` (one registration each), `DatasetProvider`
 * and `Backend`.
 *
 * Errors, when something is resolved: those of the plugins' `create`.
 *
 * @param backend the reference that takes the place of `auto`
 */
export function createRunScope(registry: PluginRegistry, config: ExperimentConfig, backend: PluginRef): RunScope {
  const container = root.createChildContainer();
  const provide = <T>(key: Token<T>, create: (registry: PluginRegistry) => T) =>
    container.register<T>(key as unknown as InjectionToken<T>, {
      useFactory: instanceCachingFactory((scope) => create(resolveFrom(scope, Registry))),
    });
  container.registerInstance(Registry as unknown as InjectionToken<PluginRegistry>, registry);
  provide(Cell, (plugins) => plugins.create('cell', config.model.cell));
  for (const ref of config.regularizers) provide(Regularizer, (plugins) => plugins.create('regularizer', ref));
  provide(DatasetProvider, (plugins) => plugins.create('dataset', config.dataset));
  provide(Backend, (plugins) => plugins.create('backend', backend));
  return {
    resolve: (wanted) => resolveFrom(container, wanted),
    regularizers() {
      if (config.regularizers.length === 0) return []; // tsyringe has no empty "all"
      const instances = container.resolveAll<Regularizer>(Regularizer as unknown as InjectionToken<Regularizer>);
      return instances.map((regularizer, i) => {
        const ref = config.regularizers[i]!;
        return { name: typeof ref === 'string' ? ref : ref.name, regularizer };
      });
    },
    dispose: async () => {
      await container.dispose();
    },
  };
}
