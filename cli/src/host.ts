import { resolve } from 'node:path';
import {
  type AnyPlugin,
  Backend,
  type Dataset,
  DatasetProvider,
  type ExperimentConfig,
  type LoadContext,
  type LoadProgress,
  type PluginRef,
  RnnxError,
} from '@rnnx/core';
import envPaths from 'env-paths';
import { autoOrder, suitsAuto, wantedBackend } from './auto-backend.js';
import { createRunScope, type RunScope } from './container.js';
import { type Discovered, discover } from './discovery/discover.js';

/** What experiments need from the machine and the caller. */
export interface HostOptions {
  /** Folder with local copies of data sets. */
  readonly dataDir?: string;
  /** Where downloads are kept; default: the user's cache folder. */
  readonly cacheDir?: string;
  /** Refuse to download. */
  readonly offline?: boolean;
  /** Folder from which the configuration's `plugins` resolve; default: the current one. */
  readonly pluginFolder?: string;
  /** Plugins handed over directly, besides those that the configuration names. */
  readonly plugins?: readonly AnyPlugin[];
  readonly signal?: AbortSignal;
  onDownload?(progress: LoadProgress): void;
}

/** Options with the data folder that a run began with, where they name none. */
export function withDataDir<T extends HostOptions>(options: T, { dataDir }: { readonly dataDir: string | null }): T {
  return options.dataDir === undefined && typeof dataDir === 'string' ? { ...options, dataDir } : options;
}

/** The user's cache folder for rnnx. */
export function defaultCacheDir(): string {
  return envPaths('rnnx', { suffix: '' }).cache;
}

/** Plugins, backend and data of one process; shared by its runs. */
export class Host {
  readonly registry: Discovered['registry'];
  readonly origins: Discovered['origins'];
  readonly pluginFolder: string;
  /** As given, but absolute; `null` without. */
  readonly dataDir: string | null;
  readonly #context: LoadContext;
  #active: { readonly key: string; readonly ref: PluginRef } | undefined;
  #dataset: { readonly key: string; readonly dataset: Dataset } | undefined;

  private constructor({ registry, origins }: Discovered, pluginFolder: string, context: LoadContext) {
    this.registry = registry;
    this.origins = origins;
    this.pluginFolder = pluginFolder;
    this.dataDir = context.dataDir === undefined ? null : resolve(context.dataDir);
    this.#context = context;
  }

  /** Errors: those of `discover`. */
  static async open(specs: readonly string[], options: HostOptions = {}): Promise<Host> {
    const { dataDir, cacheDir = defaultCacheDir(), offline = false, signal, onDownload } = options;
    const pluginFolder = options.pluginFolder ?? process.cwd();
    const found = await discover(specs, pluginFolder, options.plugins);
    return new Host(found, pluginFolder, {
      cacheDir,
      offline,
      ...(dataDir === undefined ? {} : { dataDir }),
      ...(signal && { signal }),
      ...(onDownload && { onProgress: (progress) => onDownload.call(options, progress) }),
    });
  }

  /**
   * Opens a scope for a run and makes its backend tfjs's current one, unless it is already. `auto` is the backend that
   * RNNX_BACKEND names, or else the first that works.
   *
   * Errors: RNNX_BACKEND_UNAVAILABLE; RNNX_PLUGIN_UNKNOWN.
   */
  async openRun(config: ExperimentConfig): Promise<{ scope: RunScope; backend: string }> {
    const wanted = wantedBackend(config.backend);
    const key = JSON.stringify(wanted);
    if (this.#active?.key === key) {
      const scope = createRunScope(this.registry, config, this.#active.ref);
      return { scope, backend: scope.resolve(Backend).tfjsName };
    }
    const isAuto = wanted === 'auto';
    const reasons: string[] = [];
    for (const ref of isAuto ? autoOrder() : [wanted]) {
      const scope = createRunScope(this.registry, config, ref);
      try {
        const backend = scope.resolve(Backend);
        const status = isAuto ? await backend.probe() : undefined;
        if (status?.available === false) throw new Error(status.reason);
        if (status !== undefined && !suitsAuto(status)) throw new Error(status.detail);
        await backend.activate();
        this.#active = { key, ref };
        return { scope, backend: backend.tfjsName };
      } catch (error) {
        await scope.dispose();
        if (!isAuto) throw error;
        reasons.push(`${ref}: ${(error as Error).message.split('\n')[0]}`);
      }
    }
    throw new RnnxError('RNNX_BACKEND_UNAVAILABLE', 'No backend works here', {
      got: reasons.join('; '),
      expected: 'at least one of them',
      remedy: 'see `rnnx doctor`',
    });
  }

  /** The data set of a configuration; the last one is kept, since variants mostly share it. */
  async dataset(config: ExperimentConfig, scope: RunScope): Promise<Dataset> {
    const key = JSON.stringify(config.dataset);
    if (this.#dataset?.key !== key)
      this.#dataset = { key, dataset: await scope.resolve(DatasetProvider).load(this.#context) };
    return this.#dataset.dataset;
  }
}
