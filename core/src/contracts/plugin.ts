import semver from 'semver';
import { RnnxError } from '../errors.js';
import type { Backend } from './backend.js';
import type { Cell } from './cell.js';
import type { DatasetProvider } from './dataset-provider.js';
import type { NoiseDistribution } from './noise-distribution.js';
import type { Regularizer } from './regularizer.js';

/** What a plugin of each kind creates. */
export interface PluginKinds {
  readonly cell: Cell;
  readonly regularizer: Regularizer;
  readonly noise: NoiseDistribution;
  readonly dataset: DatasetProvider;
  readonly backend: Backend;
}

export type PluginKind = keyof PluginKinds;
export const pluginKinds: readonly PluginKind[] = ['cell', 'regularizer', 'noise', 'dataset', 'backend'];

/** How a configuration names a plugin: `"gaussian"`, or `{ "name": "gamma", "shape": 2 }` with options beside the name. */
export type PluginRef = string | ({ readonly name: string } & Readonly<Record<string, unknown>>);

export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly url?: string;
  /** Equations that the plugin implements, such as `(4), (5)`. */
  readonly equations?: string;
}

/** One option's JSON schema. A description is mandatory; `default` makes the option optional. */
export interface OptionSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly [keyword: string]: unknown;
}

/** The strict JSON schema of a plugin's options: one property an option, nothing else allowed. */
export interface OptionsSchema<O = Record<string, unknown>> {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: { readonly [K in keyof O]-?: OptionSchema };
  /** Options without a default that must be given. */
  readonly required?: readonly (keyof O & string)[];
}

/** What `create` may ask the host for. */
export interface PluginContext {
  /** Creates another plugin that an option names, such as NOISIN's distribution. */
  create<K extends PluginKind>(kind: K, ref: PluginRef): PluginKinds[K];
}

/** A plugin is data: no work happens when it is imported. */
export interface Plugin<K extends PluginKind = PluginKind, O = never> {
  readonly kind: K;
  /** Lower case with hyphens, unique within its kind. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** Range of @rnnx/core versions it works with, such as `^0.1.0`. */
  readonly core: string;
  /** Where the technique comes from; `null` for what has no paper (a data file, a backend). */
  readonly paper: Paper | null;
  readonly schema: OptionsSchema<O>;
  /** Makes an instance from options that the schema has passed, filled with defaults and frozen. */
  create(options: O, context: PluginContext): PluginKinds[K];
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds plugins of every options type
export type AnyPlugin = { [K in PluginKind]: Plugin<K, any> }[PluginKind];

const namePattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Checks a plugin definition and freezes it.
 *
 * Errors: RNNX_PLUGIN_INVALID where a field is missing, the name is not lower-case-with-hyphens, the range of versions is
 * none, the schema is not strict, or an option has no description.
 */
export function definePlugin<K extends PluginKind, O>(plugin: Plugin<K, O>): Plugin<K, O> {
  const problem = findProblem(plugin as unknown as AnyPlugin);
  if (problem !== undefined) {
    throw new RnnxError('RNNX_PLUGIN_INVALID', `Plugin ${JSON.stringify(plugin?.name)}: ${problem.what}`, {
      got: problem.got,
      expected: problem.expected,
      remedy: 'mend the definition; docs/principles.md describes each field',
    });
  }
  return Object.freeze(plugin);
}

/** The first thing wrong with a definition, also for values that did not pass through `definePlugin`. */
export function findProblem(plugin: AnyPlugin): { what: string; got: string; expected: string } | undefined {
  const say = (what: string, got: unknown, expected: string) => ({
    what,
    got: JSON.stringify(got) ?? 'nothing',
    expected,
  });
  if (typeof plugin !== 'object' || plugin === null) return say('not a plugin', plugin, 'an object from definePlugin');
  if (!pluginKinds.includes(plugin.kind)) return say('unknown kind', plugin.kind, pluginKinds.join(', '));
  if (typeof plugin.name !== 'string' || !namePattern.test(plugin.name))
    return say('unfit name', plugin.name, 'lower case, digits and hyphens, such as "my-noise"');
  if (!plugin.summary) return say('no summary', plugin.summary, 'one sentence');
  if (typeof plugin.core !== 'string' || semver.validRange(plugin.core) === null)
    return say('no range of core versions', plugin.core, 'such as "^0.1.0"');
  if (plugin.paper !== null && !isPaper(plugin.paper))
    return say('no paper', plugin.paper, 'title, authors and year of a paper, or null where there is none');
  if (typeof plugin.create !== 'function') return say('no create', plugin.create, 'a function (options, context)');
  const schema = plugin.schema;
  if (schema?.type !== 'object' || schema.additionalProperties !== false || !isObject(schema.properties))
    return say('schema is not strict', schema, '{ type: "object", additionalProperties: false, properties: {...} }');
  for (const [option, property] of Object.entries<OptionSchema>(schema.properties)) {
    if (option === 'name') return say('an option is called "name"', option, 'another word: "name" names the plugin');
    if (!property?.description) return say(`option "${option}" has no description`, property, 'a description');
  }
  for (const option of (schema.required ?? []) as readonly string[])
    if (!Object.hasOwn(schema.properties, option))
      return say(`"${option}" is required but no option`, schema.required, Object.keys(schema.properties).join(', '));
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isPaper(value: unknown): boolean {
  const { title, authors, year } = (isObject(value) ? value : {}) as Partial<Paper>;
  return typeof title === 'string' && typeof authors === 'string' && Number.isInteger(year);
}

/** Schema of an option that names another plugin, for `context.create`. */
export function pluginReference(kind: PluginKind, description: string, fallback?: PluginRef): OptionSchema {
  return { description, ...(fallback === undefined ? {} : { default: fallback }), $ref: pluginSchemaId(kind) };
}

export function pluginSchemaId(kind: PluginKind): string {
  return `rnnx:plugin/${kind}`;
}
