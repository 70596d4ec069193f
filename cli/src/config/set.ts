import { didYouMean, isPlainObject, RnnxError } from '@rnnx/core';

type Target = Record<string, unknown> | unknown[];

/**
 * `a.b=c` over a configuration as written; a copy comes back. The value is JSON where it can be read as such, else text.
 * Numbers index arrays (`regularizers.0.spread=1`). A plugin's bare name on the way becomes an object with that name.
 *
 * Errors: RNNX_USAGE.
 */
export function applySet(config: unknown, assignment: string): Record<string, unknown> {
  const equals = assignment.indexOf('=');
  const path = assignment.slice(0, equals).trim().split('.');
  if (equals < 1 || path.some((key) => key === ''))
    throw usage('--set takes path=value', assignment, 'such as training.epochs=3');
  const result = structuredClone(config) as Record<string, unknown>;
  refuseUnknownVariant(result, path, assignment);
  let at: Target = result;
  for (const [depth, key] of path.slice(0, -1).entries()) {
    const here = path.slice(0, depth + 1).join('.');
    const next = get(at, key, here);
    const inner: unknown = typeof next === 'string' ? { name: next } : (next ?? {});
    if (!isPlainObject(inner) && !Array.isArray(inner))
      throw usage(`--set ${assignment}: ${here} has nothing inside`, JSON.stringify(inner), 'an object or an array');
    put(at, key, inner, here);
    at = inner;
  }
  put(at, path.at(-1)!, readValue(assignment.slice(equals + 1)), path.join('.'));
  return result;
}

/** A setting inside a variant that is not there would make a new one of it, and train that too. */
function refuseUnknownVariant(config: Readonly<Record<string, unknown>>, path: readonly string[], got: string): void {
  const [top, name] = path;
  if (top !== 'variants' || name === undefined || path.length < 3) return;
  const names = isPlainObject(config.variants) ? Object.keys(config.variants) : [];
  if (!names.includes(name))
    throw usage(
      `--set: there is no variant "${name}"`,
      got,
      names.length > 0 ? `one of ${names.join(', ')}` : 'a setting outside "variants": there are none',
      `correct the name, or add a variant as a whole: --set 'variants.${name}={...}'.${didYouMean(name, names)}`,
    );
}

function get(target: Target, key: string, path: string): unknown {
  if (Array.isArray(target)) return target[index(target, key, path)];
  return Object.hasOwn(target, key) ? target[key] : undefined;
}

function put(target: Target, key: string, value: unknown, path: string): void {
  if (Array.isArray(target)) target[index(target, key, path)] = value;
  else if (key === '__proto__') throw usage('--set cannot set that', path, 'an option of the configuration');
  else target[key] = value;
}

function index(target: readonly unknown[], key: string, path: string): number {
  const position = /^\d+$/.test(key) ? Number(key) : Number.NaN;
  if (position < target.length) return position;
  throw usage(
    `--set ${path}: the array has no such entry`,
    key,
    target.length ? `0 to ${target.length - 1}` : 'entries',
  );
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function usage(summary: string, got: string, expected: string, remedy = 'see rnnx --help'): RnnxError {
  return new RnnxError('RNNX_USAGE', summary, { got, expected, remedy });
}
