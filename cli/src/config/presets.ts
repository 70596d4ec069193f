import { didYouMean, RnnxError } from '@rnnx/core';
import { type Preset, presets } from '@rnnx/presets';

/** By name or alias. Errors: RNNX_PRESET_UNKNOWN with the nearest name. */
export function findPreset(name: string): Preset {
  const preset = lookUpPreset(name);
  if (preset !== undefined) return preset;
  const names = presetNames();
  throw new RnnxError('RNNX_PRESET_UNKNOWN', `There is no preset "${name}"`, {
    got: name,
    expected: 'a name that `rnnx list presets` shows',
    remedy: `correct the name.${didYouMean(name, names)}`,
  });
}

export function lookUpPreset(name: string): Preset | undefined {
  return presets.find((preset) => preset.name === name || preset.aliases?.includes(name));
}

export function presetNames(): string[] {
  return presets.flatMap((preset) => [preset.name, ...(preset.aliases ?? [])]);
}
