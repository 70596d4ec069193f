import { autoOrder } from '@rnnx/backends';
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

/** The user's cache folder for rnnx. */
export function defaultCacheDir(): string {
  return envPaths('rnnx', { suffix: '' }).cache;
}

/** Plugins, backend and data of one process; shared by its runs. */
export class Host {
  readonly registry: Discovered['registry'];
  readonly origins: Discovered['origins'];
  readonly pluginFolder: string;
  readonly #context: LoadContext;
  #backend: { readonly key: string; readonly ref: PluginRef; readonly tfjsName: string } | undefined;
  #dataset: { readonly key: string; readonly dataset: Dataset } | undefined;

  private constructor({ registry, origins }: Discovered, pluginFolder: string, context: LoadContext) {
    this.registry = registry;
    this.origins = origins;
    this.pluginFolder = pluginFolder;
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
   * Makes the backend of a configuration tfjs's current one and opens a scope for a run.
   *
   * Errors: RNNX_BACKEND_UNAVAILABLE.
   */
  async openRun(config: ExperimentConfig): Promise<{ scope: RunScope; backend: string }> {
    const key = JSON.stringify(config.backend);
    if (this.#backend?.key !== key) this.#backend = { key, ...(await this.#activate(config.backend)) };
    return { scope: createRunScope(this.registry, config, this.#backend.ref), backend: this.#backend.tfjsName };
  }

  /** The data set of a configuration; the last one is kept, since variants mostly share it. */
  async dataset(config: ExperimentConfig, scope: RunScope): Promise<Dataset> {
    const key = JSON.stringify(config.dataset);
    if (this.#dataset?.key !== key)
      this.#dataset = { key, dataset: await scope.resolve(DatasetProvider).load(this.#context) };
    return this.#dataset.dataset;
  }

  async #activate(wanted: PluginRef): Promise<{ ref: PluginRef; tfjsName: string }> {
    if (wanted !== 'auto') {
      const backend = this.registry.create('backend', wanted);
      await backend.activate();
      return { ref: wanted, tfjsName: backend.tfjsName };
    }
    const reasons: string[] = [];
    for (const name of autoOrder) {
      const backend = this.registry.create('backend', name);
      const status = await backend.probe();
      if (status.available) {
        try {
          await backend.activate();
          return { ref: name, tfjsName: backend.tfjsName };
        } catch (error) {
          reasons.push(`${name}: ${(error as Error).message.split('\n')[0]}`);
        }
      } else reasons.push(`${name}: ${status.reason}`);
    }
    throw new RnnxError('RNNX_BACKEND_UNAVAILABLE', 'No backend works here', {
      got: reasons.join('; '),
      expected: 'at least one of them',
      remedy: 'see `rnnx doctor`',
    });
  }
}

/** The backend that a scope's run computes on. */
export function backendOf(scope: RunScope): Backend {
  return scope.resolve(Backend);
}
