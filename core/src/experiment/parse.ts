import type { OptionSchema, PluginKind, PluginRef } from '../contracts/plugin.js';
import { RnnxError } from '../errors.js';
import { deepFreeze, type PluginRegistry } from '../registry.js';
import { check } from '../validation.js';
import type { DeepPartial, ExperimentConfig } from './config.js';
import { isPlainObject, mergeConfig } from './merge.js';
import { experimentValidator } from './schema.js';

/** What people write: the data set is mandatory, all else has defaults. `$schema` is for editors. */
export type ExperimentInput = DeepPartial<ExperimentConfig> & {
  readonly dataset: PluginRef;
  readonly $schema?: string;
};

/** Types a configuration file: `export default defineExperiment({ dataset: 'ptb' })`. */
export function defineExperiment(config: ExperimentInput): ExperimentInput {
  return config;
}

/**
 * The complete, frozen experiment: validated once, every default filled in, plugins' options included. Variants are
 * checked as what they give when merged, and kept as written.
 *
 * Errors: RNNX_CONFIG_INVALID, RNNX_PLUGIN_UNKNOWN, RNNX_OPTION_CONFLICT.
 */
export function parseExperiment(registry: PluginRegistry, value: unknown): ExperimentConfig {
  const config = parse(registry, value, 'configuration');
  for (const variant of Object.keys(config.variants)) applyVariant(registry, config, variant);
  return deepFreeze(config);
}

/** One training: a variant (`base` where there are none) with one seed, as a complete configuration of its own. */
export interface PlannedRun {
  readonly variant: string;
  readonly seed: number;
  /** Without variants and with this one seed. */
  readonly config: ExperimentConfig;
}

/** Every variant with every seed of that variant, in the order of the configuration. */
export function expandVariants(registry: PluginRegistry, config: ExperimentConfig): readonly PlannedRun[] {
  const names = Object.keys(config.variants);
  const variants = names.length > 0 ? names : [baseVariant];
  return variants.flatMap((variant) => {
    const merged = variant === baseVariant && names.length === 0 ? config : applyVariant(registry, config, variant);
    return merged.seeds.map((seed) => ({
      variant,
      seed,
      config: deepFreeze({ ...merged, variants: {}, seeds: [seed] }),
    }));
  });
}

export const baseVariant = 'base';

function applyVariant(registry: PluginRegistry, config: ExperimentConfig, variant: string): ExperimentConfig {
  const patch = config.variants[variant] as Record<string, unknown>;
  for (const key of ['variants', 'plugins', '$schema'])
    if (key in patch)
      throw new RnnxError('RNNX_CONFIG_INVALID', `configuration: variants.${variant} is not valid`, {
        got: `"${key}" inside a variant`,
        expected: 'settings of one run',
        remedy: `move "${key}" to the top of the configuration`,
      });
  const { variants: _, ...base } = config;
  return parse(registry, mergeConfig(base, patch), `configuration with variants.${variant}`);
}

function parse(registry: PluginRegistry, value: unknown, subject: string): ExperimentConfig {
  const draft = clone(value, subject);
  check(experimentValidator(registry), draft, subject);
  const { $schema: _, ...config } = draft as Record<string, unknown> & { $schema?: string };
  const checked = config as unknown as ExperimentConfig;
  const resolve = (kind: PluginKind, ref: PluginRef) => resolveReference(registry, kind, ref);
  const full: ExperimentConfig = {
    ...checked,
    dataset: resolve('dataset', checked.dataset),
    model: { ...checked.model, cell: resolve('cell', checked.model.cell) },
    regularizers: checked.regularizers.map((ref) => resolve('regularizer', ref)),
    backend: checked.backend === 'auto' ? 'auto' : resolve('backend', checked.backend),
  };
  crossCheck(full, subject);
  return full;
}

function clone(value: unknown, subject: string): unknown {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw new RnnxError('RNNX_CONFIG_INVALID', `${subject}: it holds something that is not data`, {
      got: (cause as Error).message,
      expected: 'objects, arrays, strings, numbers, booleans and null',
      remedy: 'remove functions and class instances',
      cause,
    });
  }
}

/**
 * A reference with every option in it, those of the plugins that its options name included.
 *
 * Errors: RNNX_PLUGIN_UNKNOWN, RNNX_CONFIG_INVALID.
 */
export function resolveReference(registry: PluginRegistry, kind: PluginKind, ref: PluginRef): PluginRef {
  const full: Record<string, unknown> = { ...registry.resolve(kind, ref) };
  const properties = registry.get(kind, full.name as string).schema.properties as Record<string, OptionSchema>;
  for (const [option, schema] of Object.entries(properties)) {
    const value = full[option];
    const inner = pluginKindOf(schema);
    const element = isPlainObject(schema.items) ? pluginKindOf(schema.items) : undefined;
    if (inner !== undefined && value !== undefined && value !== null)
      full[option] = resolveReference(registry, inner, value as PluginRef);
    if (element !== undefined && Array.isArray(value))
      full[option] = value.map((entry: PluginRef) => resolveReference(registry, element, entry));
  }
  return full as PluginRef;
}

function pluginKindOf(schema: Readonly<Record<string, unknown>>): PluginKind | undefined {
  const kind = typeof schema.$ref === 'string' ? /^rnnx:plugin\/(.+)$/.exec(schema.$ref)?.[1] : undefined;
  return kind as PluginKind | undefined;
}

/** What a schema cannot say: options that need one another. */
function crossCheck({ model, training }: ExperimentConfig, subject: string): void {
  const { tied, embeddingSize, hiddenSize } = model;
  if (tied && embeddingSize !== null && embeddingSize !== hiddenSize)
    throw new RnnxError(
      'RNNX_OPTION_CONFLICT',
      `${subject}: model.tied needs an embedding as wide as the hidden layer`,
      {
        got: `embeddingSize ${embeddingSize}, hiddenSize ${hiddenSize}`,
        expected: 'equal sizes, or embeddingSize null',
        remedy: 'set model.embeddingSize to null, or model.tied to false',
      },
    );
  if (tied && model.outputInit !== null)
    throw new RnnxError('RNNX_OPTION_CONFLICT', `${subject}: model.outputInit has no effect with model.tied`, {
      got: 'tied true and an outputInit',
      expected: 'outputInit null: the tied matrix starts as embeddingInit says',
      remedy: 'set model.outputInit to null, or model.tied to false',
    });
  if (training.segments === 'shuffled' && training.carryState)
    throw new RnnxError('RNNX_OPTION_CONFLICT', `${subject}: training.segments shuffled leaves no state to carry`, {
      got: 'segments shuffled and carryState true',
      expected: 'carryState false: each segment begins anew',
      remedy: 'set training.carryState to false, or training.segments to streamed',
    });
  if (training.optimizer.name === 'momentum' && training.optimizer.nesterov && training.optimizer.momentum === 0)
    throw new RnnxError('RNNX_OPTION_CONFLICT', `${subject}: training.optimizer.nesterov needs momentum`, {
      got: 'nesterov true and momentum 0',
      expected: 'momentum above 0',
      remedy: 'set training.optimizer.momentum, or nesterov to false',
    });
}
