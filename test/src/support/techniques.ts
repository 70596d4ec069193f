import activationPenalty from '@rnnx/activation-penalty';
import cells from '@rnnx/cells';
import { type NamedRegularizer, type PluginRef, PluginRegistry } from '@rnnx/core';
import dropconnect from '@rnnx/dropconnect';
import galDropout from '@rnnx/gal-dropout';
import layerNorm from '@rnnx/layer-norm';
import recurrentDropout from '@rnnx/recurrent-dropout';
import tikhonov from '@rnnx/tikhonov';
import weightNoise from '@rnnx/weight-noise';
import zarembaDropout from '@rnnx/zaremba-dropout';
import zoneout from '@rnnx/zoneout';

const registry = new PluginRegistry([
  ...cells,
  ...galDropout,
  ...zarembaDropout,
  ...recurrentDropout,
  ...zoneout,
  ...dropconnect,
  ...weightNoise,
  ...tikhonov,
  ...activationPenalty,
  ...layerNorm,
]);

/** A technique as a model takes it, from a reference as a configuration gives it. Errors: RNNX_CONFIG_INVALID. */
export function technique(ref: PluginRef): NamedRegularizer {
  return { name: typeof ref === 'string' ? ref : ref.name, regularizer: registry.create('regularizer', ref) };
}

/** The reference with its defaults. */
export function resolveTechnique(ref: PluginRef): { readonly name: string } & Readonly<Record<string, unknown>> {
  return registry.resolve('regularizer', ref);
}
