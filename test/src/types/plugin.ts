/** Compiled, never run: each `@ts-expect-error` line must be an error, and the lines without must not be. */
import { definePlugin, type NoiseDistribution, type OptionsSchema, type PluginRef, type Regularizer } from '@rnnx/core';

declare const noise: NoiseDistribution;
declare const regularizer: Regularizer;

interface Options {
  readonly width: number;
  readonly label: string;
}

const head = { name: 'typed', summary: 'typed', core: '^0.1.0', paper: null } as const;
const schema: OptionsSchema<Options> = {
  type: 'object',
  additionalProperties: false,
  properties: { width: { description: 'width', default: 1 }, label: { description: 'label' } },
  required: ['label'],
};

definePlugin<'noise', Options>({ ...head, kind: 'noise', schema, create: () => noise });

definePlugin<'noise', Options>({
  ...head,
  kind: 'noise',
  schema,
  create: ({ width, label }, context) => {
    const text: string = label;
    const number: number = width;
    const inner: NoiseDistribution = context.create('noise', { name: text, width: number });
    // @ts-expect-error a cell is no distribution
    const wrong: NoiseDistribution = context.create('cell', 'lstm');
    return inner ?? wrong;
  },
});

definePlugin<'noise', Options>({
  ...head,
  kind: 'noise',
  schema,
  // @ts-expect-error an option that the type does not have
  create: ({ height }) => height,
});

definePlugin<'noise', Options>({
  ...head,
  // @ts-expect-error another kind than the type says
  kind: 'cell',
  schema,
  create: () => noise,
});

definePlugin<'noise', Options>({
  ...head,
  kind: 'noise',
  schema,
  // @ts-expect-error creates something of another kind
  create: () => regularizer,
});

// @ts-expect-error no paper: say null where there is none
definePlugin<'noise', Options>({ name: 'a', summary: 'a', core: '*', kind: 'noise', schema, create: () => noise });

const lacking: OptionsSchema<Options> = {
  type: 'object',
  additionalProperties: false,
  // @ts-expect-error the option "label" has no schema
  properties: { width: { description: 'width' } },
};

const extra: OptionsSchema<Options> = {
  type: 'object',
  additionalProperties: false,
  // @ts-expect-error there is no option "height"
  properties: { width: { description: 'w' }, label: { description: 'l' }, height: { description: 'h' } },
};

const open: OptionsSchema<Options> = {
  type: 'object',
  // @ts-expect-error a schema must be strict
  additionalProperties: true,
  properties: { width: { description: 'w' }, label: { description: 'l' } },
};

const required: OptionsSchema<Options> = {
  ...schema,
  // @ts-expect-error an option that is not there cannot be required
  required: ['height'],
};

const refs: readonly PluginRef[] = ['gaussian', { name: 'gamma', shape: 2 }];
// @ts-expect-error a reference needs a name
const nameless: PluginRef = { shape: 2 };

export default [lacking, extra, open, required, refs, nameless];
