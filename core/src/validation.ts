import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { RnnxError } from './errors.js';
import { didYouMean } from './suggest.js';

/**
 * An ajv that fills in defaults, knows `discriminator`, and keeps the offending data in its errors.
 *
 * @param sound whether its schemas are known to be JSON schemas: looking takes longer than all else that starts a program
 */
export function createAjv(sound = false): Ajv {
  return new Ajv({
    validateSchema: !sound,
    // What it generates runs once or twice.
    code: { optimize: false },
    useDefaults: true,
    discriminator: true,
    verbose: true,
    strict: true,
    strictTypes: false,
    // `discriminator` wants its tag required beside `oneOf`, where no property is declared.
    strictRequired: false,
    allErrors: false,
  });
}

/**
 * Validates in place, filling in defaults.
 *
 * Errors: RNNX_CONFIG_INVALID naming the path, what came, what was expected and the nearest name;
 * RNNX_PLUGIN_UNKNOWN where the value should name a plugin and no plugin has that name.
 *
 * @param subject what is being validated, for the message: `configuration`, `regularizer "noisin"`
 */
export function check(validate: ValidateFunction, value: unknown, subject: string): void {
  if (validate(value)) return;
  const error = validate.errors![0]!;
  const path = readablePath(error.instancePath);
  const { got, expected, remedy } = explain(error, path);
  const kind = unknownPluginKind(error);
  const code = kind === undefined ? 'RNNX_CONFIG_INVALID' : 'RNNX_PLUGIN_UNKNOWN';
  const problem = kind === undefined ? 'is not valid' : `names no known ${kind}`;
  throw new RnnxError(code, `${subject}: ${path === '' ? 'the whole value' : path} ${problem}`, {
    got,
    expected,
    remedy,
  });
}

/** `/regularizers/0/spread` as people write it: `regularizers[0].spread`. */
function readablePath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value)); // JSON has no infinity
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The kind of plugin that was meant, if the error is a reference with a name that nobody has. */
function unknownPluginKind(error: ErrorObject): string | undefined {
  const isName = error.keyword === 'enum' || (error.keyword === 'discriminator' && error.params.error === 'mapping');
  return isName ? referenceKind(error) : undefined;
}

/** The kind of plugin that a reference should name, if the error is that of a reference as a whole. */
function referenceKind({ parentSchema }: ErrorObject): string | undefined {
  return /^rnnx:plugin\/(.+)$/.exec(String((parentSchema as JsonSchema | undefined)?.$comment))?.[1];
}

function explain(error: ErrorObject, path: string): { got: string; expected: string; remedy: string } {
  const { params, data } = error;
  const schema = (error.parentSchema ?? {}) as JsonSchema;
  const meaning = typeof schema.description === 'string' ? ` (${schema.description})` : '';
  const change = `change ${path === '' ? 'it' : path}${meaning}`;
  switch (error.keyword) {
    case 'additionalProperties': {
      const known = Object.keys((schema.properties as object | undefined) ?? {});
      const name = params.additionalProperty as string;
      return {
        got: `unknown option "${name}"`,
        expected: known.length ? `one of ${known.join(', ')}` : 'no options',
        remedy: `remove or rename it.${didYouMean(name, known)}`,
      };
    }
    case 'required':
      return {
        got: `no "${params.missingProperty}"`,
        expected: `an option "${params.missingProperty}"`,
        remedy: 'add it',
      };
    case 'enum': {
      const allowed = (params.allowedValues as unknown[]).map(String);
      return {
        got: show(data),
        expected: oneOf(allowed),
        remedy: `${another(error)}.${typeof data === 'string' ? didYouMean(data, allowed) : ''}`,
      };
    }
    case 'discriminator': {
      const names = discriminated(schema);
      return {
        got: `${params.tag} ${show(params.tagValue)}`,
        expected: `${params.tag}: ${oneOf(names)}`,
        remedy: `${another(error)}.${didYouMean(String(params.tagValue), names)}`,
      };
    }
    case 'propertyNames':
    case 'pattern':
      return { got: show(data), expected: describeSchema(schema), remedy: change };
    case 'not':
      return { got: show(data), expected: 'nothing: no plugin of this kind is loaded', remedy: 'add a plugin package' };
    case 'type':
      return {
        got: `${show(data)} (${typeName(data)})`,
        expected: describeReference(referenceKind(error)) ?? describeSchema(schema),
        remedy: change,
      };
    default:
      return { got: show(data), expected: describeSchema(schema) || error.message || error.keyword, remedy: change };
  }
}

function another(error: ErrorObject): string {
  return referenceKind(error) === undefined
    ? 'choose another'
    : 'choose another, or add the package that has it to "plugins"';
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `one of ${names.join(', ')}`;
}

function discriminated(schema: JsonSchema): string[] {
  const options = (schema.oneOf ?? []) as { properties?: { name?: { const?: string } } }[];
  return options.map((option) => option.properties?.name?.const ?? '?');
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

type JsonSchema = Readonly<Record<string, unknown>>;

/** What values a schema allows, in a few words: `integer >= 1`, `one of sum, mean`, `array of string`. */
export function describeSchema(schema: JsonSchema): string {
  if ('const' in schema) return show(schema.const);
  if (Array.isArray(schema.enum)) return oneOf(schema.enum.map((value) => String(value)));
  if (typeof schema.$ref === 'string') {
    const kind = /^rnnx:plugin\/(.+)$/.exec(schema.$ref)?.[1];
    return describeReference(kind) ?? '';
  }
  if (Array.isArray(schema.oneOf) && 'discriminator' in schema) return `object; name: ${oneOf(discriminated(schema))}`;
  if (isSchema(schema.if) && isSchema(schema.else))
    return `${describeSchema(schema.if)}, or ${describeSchema(schema.else)}`;
  const alternatives = (schema.oneOf ?? schema.anyOf) as JsonSchema[] | undefined;
  if (alternatives !== undefined) return alternatives.map(describeSchema).join(', or ');
  const parts: string[] = [];
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.includes('array') && typeof schema.items === 'object') {
    const inner = describeSchema(schema.items as JsonSchema);
    parts.push(inner === '' ? 'array' : `array of ${inner}`);
  } else if (types.length > 0) parts.push(types.join(' or '));
  const limits: readonly (readonly [string, string])[] = [
    ['minimum', '>='],
    ['exclusiveMinimum', '>'],
    ['maximum', '<='],
    ['exclusiveMaximum', '<'],
    ['multipleOf', 'a multiple of'],
    ['pattern', 'matching'],
    ['minItems', 'with at least this many entries:'],
    ['minLength', 'with at least this many characters:'],
  ];
  const found = limits.filter(([keyword]) => schema[keyword] !== undefined);
  if (found.length > 0) parts.push(found.map(([keyword, words]) => `${words} ${schema[keyword]}`).join(' and '));
  if (schema.uniqueItems === true) parts.push('without repetition');
  return parts.join(' ');
}

function describeReference(kind: string | undefined): string | undefined {
  return kind === undefined ? undefined : `${kind}: a name, or an object with name and options`;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null;
}
