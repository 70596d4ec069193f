import type { Ajv } from 'ajv';
import semver from 'semver';
import {
  type AnyPlugin,
  findProblem,
  type OptionSchema,
  type PluginContext,
  type PluginKind,
  type PluginKinds,
  type PluginRef,
  pluginKinds,
  pluginSchemaId,
} from './contracts/plugin.js';
import { RnnxError } from './errors.js';
import { didYouMean } from './suggest.js';
import { check, createAjv } from './validation.js';
import { coreVersion } from './version.js';

/** All plugins of a run, by kind and name; creates instances from references. */
export class PluginRegistry implements PluginContext {
  readonly #plugins = new Map<string, AnyPlugin>();
  #ajv: Ajv | undefined;

  constructor(plugins: Iterable<AnyPlugin> = []) {
    for (const plugin of plugins) this.register(plugin);
  }

  /**
   * Errors: RNNX_PLUGIN_INVALID, RNNX_PLUGIN_INCOMPATIBLE, RNNX_PLUGIN_DUPLICATE.
   *
   * @param origin where the plugin came from, for messages
   * @param sound whether its schema is known to be a JSON schema, which takes milliseconds to find out
   */
  register(plugin: AnyPlugin, origin = 'this program', sound = false): void {
    const problem = findProblem(plugin) ?? (sound ? undefined : findSchemaProblem(plugin));
    if (problem !== undefined)
      throw new RnnxError('RNNX_PLUGIN_INVALID', `Plugin from ${origin}: ${problem.what}`, {
        got: problem.got,
        expected: problem.expected,
        remedy: 'mend the definition, or remove the plugin from the configuration',
      });
    if (!semver.satisfies(coreVersion, plugin.core, { includePrerelease: true }))
      throw new RnnxError(
        'RNNX_PLUGIN_INCOMPATIBLE',
        `Plugin "${plugin.name}" from ${origin} does not fit this @rnnx/core`,
        {
          got: `core "${plugin.core}"`,
          expected: `a range that includes ${coreVersion}`,
          remedy: 'install a version of the plugin made for this core',
        },
      );
    const key = `${plugin.kind}/${plugin.name}`;
    if (this.#plugins.has(key))
      throw new RnnxError('RNNX_PLUGIN_DUPLICATE', `Two ${plugin.kind} plugins are called "${plugin.name}"`, {
        got: `a second one from ${origin}`,
        expected: 'one plugin a name',
        remedy: 'rename one of them, or remove it from the configuration',
      });
    this.#plugins.set(key, plugin);
    this.#ajv = undefined;
  }

  list<K extends PluginKind>(kind: K): Extract<AnyPlugin, { kind: K }>[] {
    const found = [...this.#plugins.values()].filter((plugin) => plugin.kind === kind);
    return found as unknown as Extract<AnyPlugin, { kind: K }>[];
  }

  /** Errors: RNNX_PLUGIN_UNKNOWN with the nearest name. */
  get<K extends PluginKind>(kind: K, name: string): Extract<AnyPlugin, { kind: K }> {
    const plugin = this.#plugins.get(`${kind}/${name}`);
    if (plugin !== undefined) return plugin as unknown as Extract<AnyPlugin, { kind: K }>;
    const names = this.list(kind).map((known) => known.name);
    throw new RnnxError('RNNX_PLUGIN_UNKNOWN', `There is no ${kind} "${name}".${didYouMean(name, names)}`, {
      got: name,
      expected: names.length ? names.join(', ') : `at least one registered ${kind}`,
      remedy: 'correct the name, or add the package that has it to "plugins" in the configuration',
    });
  }

  /**
   * The reference with every option in it: defaults filled in, validated, frozen.
   *
   * Errors: RNNX_PLUGIN_UNKNOWN, RNNX_CONFIG_INVALID.
   */
  resolve(kind: PluginKind, ref: PluginRef): { readonly name: string } & Readonly<Record<string, unknown>> {
    const full = typeof ref === 'string' ? { name: ref } : copyOf(ref, kind);
    this.get(kind, full.name);
    check(this.ajv.getSchema(`rnnx:options/${kind}/${full.name}`)!, full, `${kind} "${full.name}"`);
    return deepFreeze(full);
  }

  create<K extends PluginKind>(kind: K, ref: PluginRef): PluginKinds[K] {
    const { name, ...options } = this.resolve(kind, ref);
    const plugin = this.get(kind, name) as unknown as {
      create(options: unknown, context: PluginContext): PluginKinds[K];
    };
    return plugin.create(Object.freeze(options), this);
  }

  /** An ajv that knows every plugin: `{ $ref: 'rnnx:plugin/noise' }` accepts a name or a name with options. */
  get ajv(): Ajv {
    if (this.#ajv === undefined) {
      const ajv = createAjv(true);
      for (const kind of pluginKinds)
        for (const plugin of this.list(kind))
          ajv.addSchema(optionsSchema(plugin), `rnnx:options/${kind}/${plugin.name}`);
      for (const kind of pluginKinds) ajv.addSchema(this.referenceSchema(kind), pluginSchemaId(kind));
      this.#ajv = ajv;
    }
    return this.#ajv;
  }

  /** JSON schema of a reference to any plugin of a kind, each plugin's strict schema joined in. */
  referenceSchema(kind: PluginKind): Record<string, unknown> {
    const plugins = this.list(kind);
    if (plugins.length === 0) return { not: {} };
    return {
      if: { type: 'string' },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema
      then: { $comment: pluginSchemaId(kind), enum: plugins.map((plugin) => plugin.name) },
      else: {
        $comment: pluginSchemaId(kind), // ajv's paths lose the reference inside arrays; messages need it
        type: 'object',
        required: ['name'],
        discriminator: { propertyName: 'name' },
        oneOf: plugins.map((plugin) => optionsSchema(plugin)),
      },
    };
  }
}

function optionsSchema(plugin: AnyPlugin): Record<string, unknown> {
  const { properties, required = [] } = plugin.schema as {
    properties: Record<string, OptionSchema>;
    required?: readonly string[];
  };
  return {
    type: 'object',
    description: plugin.summary,
    properties: { name: { const: plugin.name }, ...properties },
    required: ['name', ...required],
    additionalProperties: false,
  };
}

type Reference = Exclude<PluginRef, string>;

/** A copy of a reference, so that defaults are not written into what the caller gave. */
function copyOf(ref: Reference, kind: PluginKind): Reference {
  try {
    if (typeof ref?.name === 'string') return structuredClone(ref);
  } catch {
    // A function or a symbol cannot be copied.
  }
  throw new RnnxError('RNNX_CONFIG_INVALID', `This does not name a ${kind}`, {
    got: JSON.stringify(ref) ?? String(ref),
    expected: 'a name, or an object of plain data with "name" and options',
    remedy: `name one of the ${kind} plugins`,
  });
}

/** Compiles schemas of options by themselves: references to other plugins accept all. */
let schemaChecker: Ajv | undefined;
const soundSchemas = new WeakSet<object>();

/** What ajv has against a plugin's schema: a misspelt keyword, a limit that is no number. */
function findSchemaProblem(plugin: AnyPlugin): ReturnType<typeof findProblem> {
  if (soundSchemas.has(plugin.schema)) return undefined;
  if (schemaChecker === undefined) {
    schemaChecker = createAjv();
    for (const kind of pluginKinds) schemaChecker.addSchema({}, pluginSchemaId(kind));
  }
  try {
    schemaChecker.compile(optionsSchema(plugin));
  } catch (error) {
    return {
      what: `the schema of "${plugin.name}" is no JSON schema`,
      got: (error as Error).message,
      expected: 'JSON schema of draft 7, without unknown keywords',
    };
  }
  soundSchemas.add(plugin.schema);
  return undefined;
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
