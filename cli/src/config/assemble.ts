import { type ExperimentInput, mergeConfig } from '@rnnx/core';
import type { Preset } from '@rnnx/presets';
import { findConfig, type LoadedConfig, loadConfig } from './load.js';
import { findPreset } from './presets.js';
import { applySet, usage } from './set.js';

export interface ConfigSources {
  readonly preset?: string | undefined;
  readonly config?: string | undefined;
  readonly set: readonly string[];
  readonly seed: readonly number[];
  readonly backend?: string | undefined;
}

export interface Assembled {
  readonly input: ExperimentInput;
  readonly preset: Preset | undefined;
  /** Folder from which plugins resolve. */
  readonly pluginFolder: string;
  /** Settings that differ from the preset's, as given. */
  readonly changes: readonly string[];
}

/**
 * One configuration from, in rising order: the preset, the file (`--config`, or one found where no preset is named), `--set`,
 * `--seed`, `--backend`. Plugins that a found file names are loaded in any case.
 *
 * Errors: RNNX_PRESET_UNKNOWN, RNNX_CONFIG_UNREADABLE, RNNX_USAGE.
 */
export async function assembleConfig(sources: ConfigSources, cwd: string): Promise<Assembled> {
  const preset = sources.preset === undefined ? undefined : findPreset(sources.preset);
  const file = sources.config === undefined ? await findConfig(cwd) : await loadConfig(sources.config, cwd);
  if (preset === undefined && file === undefined)
    throw usage(
      'Nothing to run',
      'no --preset, no --config and no rnnx.config file here',
      'one of them',
      'rnnx run --preset quickstart',
    );
  const explicit = sources.config !== undefined;
  let config = mergeConfig(preset?.config ?? {}, preset === undefined || explicit ? file?.config : pluginsOf(file));
  for (const assignment of sources.set) config = applySet(config, assignment);
  if (sources.seed.length > 0) config = mergeConfig(config, { seeds: [...sources.seed] });
  if (sources.backend !== undefined) config = mergeConfig(config, { backend: sources.backend });
  return {
    input: config as ExperimentInput,
    preset,
    pluginFolder: file?.folder ?? cwd,
    changes: [...(explicit && preset ? [`--config ${sources.config}`] : []), ...sources.set],
  };
}

function pluginsOf(file: LoadedConfig | undefined): object {
  return file?.config.plugins === undefined ? {} : { plugins: file.config.plugins };
}
