import { pluginKinds } from '../contracts/plugin.js';
import type { PluginRegistry } from '../registry.js';
import { experimentSchema, type JsonSchema } from './schema.js';

/**
 * The schema of a configuration file for editors: self-contained (draft 7), the options of every registered plugin under
 * `definitions`, what a variant may hold spelt out.
 */
export function exportSchema(registry: PluginRegistry): JsonSchema {
  const { variants, plugins: _, ...rest } = experimentSchema.properties as Record<string, JsonSchema>;
  const { $schema: __, ...variantProperties } = rest;
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'rnnx experiment',
    ...experimentSchema,
    properties: {
      ...(experimentSchema.properties as object),
      variants: {
        ...variants,
        additionalProperties: { type: 'object', additionalProperties: false, properties: variantProperties },
      },
    },
    definitions: Object.fromEntries(pluginKinds.map((kind) => [`plugin-${kind}`, registry.referenceSchema(kind)])),
  };
  return localReferences(schema) as JsonSchema;
}

/** Plugin references as `#/definitions/...`; keywords that draft 7 does not have, or editors do not need, are left out. */
function localReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(localReferences);
  if (typeof value !== 'object' || value === null) return value;
  const { discriminator: _, $comment: __, ...rest } = value as Record<string, unknown>;
  const entries = Object.entries(rest).map(([key, inner]) => {
    if (key === '$ref' && typeof inner === 'string')
      return [key, inner.replace(/^rnnx:plugin\//, '#/definitions/plugin-')];
    return [key, localReferences(inner)];
  });
  return Object.fromEntries(entries);
}
