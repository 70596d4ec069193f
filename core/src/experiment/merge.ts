type Plain = Record<string, unknown>;

export function isPlainObject(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * `patch` over `base`, neither changed. Objects merge key by key; everything else, arrays included, replaces. Where both
 * have a `name` and the names differ, the patch replaces too: options of `sgd` mean nothing to `adam`. A base that is a
 * plugin's bare name counts as `{ name }`, so that `{ scale: 2 }` adds an option to it.
 */
export function mergeConfig(base: unknown, patch: unknown): unknown {
  if (!isPlainObject(patch)) return structuredClone(patch);
  const under = isPlainObject(base) ? base : typeof base === 'string' ? { name: base } : {};
  const replaces = patch.name !== undefined && under.name !== undefined && patch.name !== under.name;
  const result: Plain = replaces ? {} : structuredClone(under);
  for (const [key, value] of Object.entries(patch))
    if (value !== undefined) result[key] = mergeConfig(result[key], value);
  return result;
}
