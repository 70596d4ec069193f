import { createRequire } from 'node:module';
import { plugins as activationPenalty } from '@rnnx/activation-penalty';
import { plugins as backendNative } from '@rnnx/backend-native';
import { plugins as backendWebgpu } from '@rnnx/backend-webgpu';
import { plugins as backends } from '@rnnx/backends';
import { plugins as batchNormLstm } from '@rnnx/batch-norm-lstm';
import { plugins as cells } from '@rnnx/cells';
import type { AnyPlugin } from '@rnnx/core';
import { plugins as datasets } from '@rnnx/datasets';
import { plugins as distributions } from '@rnnx/distributions';
import { plugins as dropconnect } from '@rnnx/dropconnect';
import { plugins as dropout } from '@rnnx/dropout';
import { plugins as fastDropout } from '@rnnx/fast-dropout';
import { plugins as galDropout } from '@rnnx/gal-dropout';
import { plugins as layerNorm } from '@rnnx/layer-norm';
import { plugins as noisin } from '@rnnx/noisin';
import { plugins as recurrentDropout } from '@rnnx/recurrent-dropout';
import { plugins as tikhonov } from '@rnnx/tikhonov';
import { plugins as weightNoise } from '@rnnx/weight-noise';
import { plugins as zarembaDropout } from '@rnnx/zaremba-dropout';
import { plugins as zoneout } from '@rnnx/zoneout';

/** Where plugins came from. */
export interface PluginOrigin {
  /** Package name, or the path as the configuration gives it. */
  readonly from: string;
  /** Of the package; `null` for a single file. */
  readonly version: string | null;
}

export interface FoundPlugins {
  readonly origin: PluginOrigin;
  readonly plugins: readonly AnyPlugin[];
}

const packages: Readonly<Record<string, readonly AnyPlugin[]>> = {
  '@rnnx/cells': cells,
  '@rnnx/distributions': distributions,
  '@rnnx/noisin': noisin,
  '@rnnx/dropout': dropout,
  '@rnnx/activation-penalty': activationPenalty,
  '@rnnx/batch-norm-lstm': batchNormLstm,
  '@rnnx/dropconnect': dropconnect,
  '@rnnx/fast-dropout': fastDropout,
  '@rnnx/gal-dropout': galDropout,
  '@rnnx/layer-norm': layerNorm,
  '@rnnx/recurrent-dropout': recurrentDropout,
  '@rnnx/tikhonov': tikhonov,
  '@rnnx/weight-noise': weightNoise,
  '@rnnx/zaremba-dropout': zarembaDropout,
  '@rnnx/zoneout': zoneout,
  '@rnnx/datasets': datasets,
  '@rnnx/backends': backends,
  '@rnnx/backend-native': backendNative,
  '@rnnx/backend-webgpu': backendWebgpu,
};

const require = createRequire(import.meta.url);

/** Version of a package that this one depends on. */
export function packageVersion(name: string): string {
  return (require(`${name}/package.json`) as { version: string }).version;
}

/** The plugins that come with rnnx. */
export function builtinPlugins(): readonly FoundPlugins[] {
  return Object.entries(packages).map(([name, plugins]) => ({
    origin: { from: name, version: packageVersion(name) },
    plugins,
  }));
}
