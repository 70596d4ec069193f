import { createRequire } from 'node:module';
import { plugins as backends } from '@rnnx/backends';
import { plugins as cells } from '@rnnx/cells';
import type { AnyPlugin } from '@rnnx/core';
import { plugins as datasets } from '@rnnx/datasets';
import { plugins as distributions } from '@rnnx/distributions';
import { plugins as dropout } from '@rnnx/dropout';
import { plugins as noisin } from '@rnnx/noisin';

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
  '@rnnx/datasets': datasets,
  '@rnnx/backends': backends,
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
