import { didYouMean, RnnxError } from '@rnnx/core';
import { type Preset, presets } from '@rnnx/presets';

/** By name or alias. Errors: RNNX_PRESET_UNKNOWN with the nearest name. */
export function findPreset(name: string): Preset {
  const preset = lookUpPreset(name);
  if (preset !== undefined) return preset;
  const isPaper = presets.some(({ paper }) => paper?.key === name);
  throw new RnnxError('RNNX_PRESET_UNKNOWN', `There is no preset "${name}"`, {
    got: isPaper ? `${name}, the name of a paper` : name,
    expected: 'a name that `rnnx list presets` shows',
    remedy: isPaper
      ? `take one of its presets: rnnx describe ${name}`
      : `correct the name.${didYouMean(name, presetNames())}`,
  });
}

export function lookUpPreset(name: string): Preset | undefined {
  return presets.find((preset) => preset.name === name || preset.aliases?.includes(name));
}

export function presetNames(): string[] {
  return presets.flatMap((preset) => [preset.name, ...(preset.aliases ?? [])]);
}
