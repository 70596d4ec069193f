import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { RnnxError } from './errors.js';
import { didYouMean } from './suggest.js';

/** An ajv that fills in defaults, knows `discriminator`, and keeps the offending data in its errors. */
export function createAjv(): Ajv {
  return new Ajv({
    useDefaults: true,
    discriminator: true,
    verbose: true,
    strict: true,
    strictTypes: false,
    allErrors: false,
  });
}

/**
 * Validates in place, filling in defaults.
 *
 * Errors: RNNX_CONFIG_INVALID naming the path, what came, what was expected and the nearest name.
 *
 * @param subject what is being validated, for the message: `configuration`, `regularizer "noisin"`
 */
export function check(validate: ValidateFunction, value: unknown, subject: string): void {
  if (validate(value)) return;
  const error = validate.errors![0]!;
  const path = error.instancePath.replaceAll('/', '.').replace(/^\./, '');
  const { got, expected, remedy } = explain(error);
  throw new RnnxError('RNNX_CONFIG_INVALID', `${subject}: ${path === '' ? 'the whole value' : path} is not valid`, {
    got,
    expected,
    remedy,
  });
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function explain(error: ErrorObject): { got: string; expected: string; remedy: string } {
  const { params, data } = error;
  const schema = (error.parentSchema ?? {}) as { properties?: object; description?: string };
  const change = schema.description ? `give ${schema.description}` : 'change the value';
  switch (error.keyword) {
    case 'additionalProperties': {
      const known = Object.keys(schema.properties ?? {});
      const name = params.additionalProperty as string;
      return {
        got: `unknown option "${name}"`,
        expected: known.length ? `one of ${known.join(', ')}` : 'no options',
        remedy: `remove or rename it.${didYouMean(name, known)}`,
      };
    }
    case 'required':
      return { got: show(data), expected: `an option "${params.missingProperty}"`, remedy: 'add it' };
    case 'enum': {
      const allowed = (params.allowedValues as unknown[]).map(String);
      return {
        got: show(data),
        expected: `one of ${allowed.join(', ')}`,
        remedy: `choose one of them.${typeof data === 'string' ? didYouMean(data, allowed) : ''}`,
      };
    }
    case 'discriminator': {
      const names = discriminated(error);
      const name = String(params.tagValue);
      return {
        got: `${params.tag} = ${show(params.tagValue)}`,
        expected: `one of ${names.join(', ')}`,
        remedy: `choose one of them.${didYouMean(name, names)}`,
      };
    }
    case 'type':
      return { got: `${show(data)} (${typeName(data)})`, expected: `${params.type}`, remedy: change };
    default:
      return { got: show(data), expected: error.message ?? error.keyword, remedy: change };
  }
}

function discriminated(error: ErrorObject): string[] {
  const options = (error.parentSchema as { oneOf?: { properties?: { name?: { const?: string } } }[] }).oneOf ?? [];
  return options.map((option) => option.properties?.name?.const ?? '?');
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
