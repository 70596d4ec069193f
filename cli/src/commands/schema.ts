import { exportSchema } from '@rnnx/core';
import { discoverHere } from './list.js';

/** `rnnx schema`: what editors take for `$schema`, plugins of the configuration included. */
export async function schema(options: { readonly config?: string }): Promise<number> {
  const { registry } = await discoverHere(options.config);
  process.stdout.write(`${JSON.stringify(exportSchema(registry), null, 2)}\n`);
  return 0;
}
