import { isPlainObject } from '@rnnx/core';

/** Numbers by their path: `0.spread`. */
export function numbersIn(value: unknown, path = ''): Readonly<Record<string, number>> {
  if (typeof value === 'number') return { [path]: value };
  const entries = Array.isArray(value) ? value.entries() : isPlainObject(value) ? Object.entries(value) : [];
  const found: Record<string, number> = {};
  for (const [key, inner] of entries)
    Object.assign(found, numbersIn(inner, path === '' ? String(key) : `${path}.${key}`));
  return found;
}
