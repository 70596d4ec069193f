import { definePlugin, type OptionsSchema, type Perturbation, type PerturbContext, type Regularizer } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { checkRegularizer, type RegularizerCase, type RegularizerClaims } from '../kit/index.js';
import { expectBroken } from './support.js';

interface MaskOptions {
  readonly rate: number;
}

const schema: OptionsSchema<MaskOptions> = {
  type: 'object',
  additionalProperties: false,
  properties: {
    rate: { type: 'number', minimum: 0, exclusiveMaximum: 1, default: 0, description: 'probability of dropping' },
  },
};

const paper = { title: 'A small mask', authors: 'Kit', year: 2020, equations: '(1)' };

const masked: RegularizerCase = {
  options: { rate: 0.4 },
  sites: ['output'],
  lifetime: 'step',
  sharing: 'example',
  unbiased: true,
};

const claims: RegularizerClaims = {
  valid: [masked],
  variations: { rate: [0.2] },
  invalid: [{ options: { rate: 1 }, code: 'RNNX_CONFIG_INVALID' }],
  identity: {},
};

type Create = (options: MaskOptions) => Regularizer;

function plugin(create: Create) {
  return definePlugin<'regularizer', MaskOptions>({
    kind: 'regularizer',
    name: 'mask',
    summary: 'A mask on the way up',
    core: '^0.1.0',
    paper,
    schema,
    create,
  });
}

function mask({ rate }: MaskOptions, { rng }: PerturbContext, shape: readonly number[], layer: number): tf.Tensor {
  return tf.div(rng.stream(`layer-${layer}`).bernoulli(shape, 1 - rate), 1 - rate);
}

function scaleOutput(value: (layer: number, size: number) => tf.Tensor, context: PerturbContext): Perturbation[] {
  return context.model.layers.map(({ hiddenSize }, layer) => ({
    site: 'output',
    layer,
    kind: 'scale',
    value: value(layer, hiddenSize),
  }));
}

/** A right regularizer; each bug below changes it in one place. */
const sound: Create = (options) => ({
  perturb(context) {
    if (context.phase === 'evaluate') return [];
    const { steps, batch } = context;
    return scaleOutput((layer, size) => mask(options, context, [steps, batch, size], layer), context);
  },
});

const broken: Record<
  string,
  { create: Create; claims?: Partial<RegularizerClaims>; expected: Record<string, RegExp> }
> = {
  'a biased mask': {
    create: (options) => ({
      perturb(context) {
        if (context.phase === 'evaluate' || options.rate === 0) return [];
        const { steps, batch } = context;
        const raw = (layer: number, size: number) => mask(options, context, [steps, batch, size], layer);
        return scaleOutput((layer, size) => tf.mul(raw(layer, size), 1 - options.rate), context);
      },
    }),
    expected: { unbiased: /is biased at output\/\d\/scale/ },
  },
  'a mask that is kept for good': {
    create: (options) => {
      let kept: Float32Array | undefined;
      return {
        perturb(context) {
          if (context.phase === 'evaluate') return [];
          const { steps, batch } = context;
          return scaleOutput((layer, size) => {
            const shape = [steps, batch, size];
            kept ??= Float32Array.from(
              context.rng.uniforms(1000),
              (u) => Number(u > options.rate) / (1 - options.rate),
            );
            return tf.tensor(kept.subarray(layer, layer + steps * batch * size), shape);
          }, context);
        },
      };
    },
    expected: {
      streams: /is the same in every minibatch/,
      visible: /its perturbations never change/,
      'same-seed': /made anew/,
    },
  },
  'a mask that is kept for two minibatches': {
    create: (options) => {
      let uses = 0;
      let kept: Float32Array | undefined;
      return {
        perturb(context) {
          if (context.phase === 'evaluate') return [];
          const { steps, batch } = context;
          if (uses++ % 2 === 0) kept = undefined;
          kept ??= Float32Array.from(context.rng.uniforms(1000), (u) => Number(u > options.rate) / (1 - options.rate));
          let offset = 0;
          return scaleOutput((_, size) => {
            const from = offset;
            offset += steps * batch * size;
            return tf.tensor(kept!.subarray(from, offset), [steps, batch, size]);
          }, context);
        },
      };
    },
    expected: {
      'same-seed': /made anew/,
      streams: /minibatches that follow each other share noise/,
      evaluation: /has no noise at/,
    },
  },
  'numbers from a counter': {
    create: (options) => {
      let uses = 0;
      return {
        perturb(context) {
          if (context.phase === 'evaluate') return [];
          const { steps, batch, rng } = context;
          const moved = { ...context, rng: rng.stream(`use-${uses++}`) };
          return scaleOutput((layer, size) => mask(options, moved, [steps, batch, size], layer), context);
        },
      };
    },
    expected: { 'same-seed': /asked again/, gradients: /differences say/ },
  },
  'noise left on at evaluation': {
    create: (options) => ({
      perturb(context) {
        const { steps, batch } = context;
        return scaleOutput((layer, size) => mask(options, context, [steps, batch, size], layer), context);
      },
    }),
    expected: { evaluation: /has noise at evaluation/, unbiased: /is biased/ },
  },
  'no noise in Monte Carlo samples': {
    create: (options) => ({
      perturb(context) {
        return context.phase === 'train' ? sound(options).perturb(context) : [];
      },
    }),
    expected: { evaluation: /has no noise at output/ },
  },
  'a wrong gradient in a map': {
    create: (options) => ({
      perturb(context) {
        if (context.phase === 'evaluate') return [];
        const { steps, batch } = context;
        return context.model.layers.map(({ hiddenSize }, layer) => {
          const value = mask(options, context, [steps, batch, hiddenSize], layer);
          const map = tf.customGrad((x) => ({
            value: tf.mul(x as tf.Tensor, value),
            // The mask is forgotten on the way back.
            gradFunc: (dy: tf.Tensor) => dy,
          }));
          return { site: 'output', layer, kind: 'map', map: (x) => map(x) };
        });
      },
    }),
    expected: { gradients: /differences say/ },
  },
  'an ignored option': {
    create: () => sound({ rate: 0.4 }),
    claims: { identity: null },
    expected: { 'options-used': /option "rate" changes nothing/ },
  },
  'options that are changed': {
    create: (options) => {
      if (!Object.isFrozen(options)) Object.assign(options, { rate: options.rate + 0.1 });
      return sound(options);
    },
    expected: { 'options-kept': /changed its options from \{"rate":0.4\} to \{"rate":0.5\}/ },
  },
  'a leak': {
    create: (options) => ({
      perturb(context) {
        tf.keep(tf.zeros([1]));
        return sound(options).perturb(context);
      },
    }),
    expected: { 'no-leak': /training with .* leaves 1 tensor behind/ },
  },
  'a shared mask where a per-example one is declared': {
    create: (options) => ({
      perturb(context) {
        if (context.phase === 'evaluate') return [];
        return scaleOutput((layer, size) => mask(options, context, [context.steps, 1, size], layer), context);
      },
    }),
    expected: { sharing: /is one draw for all examples/ },
  },
  'a shared mask that is written out for every example': {
    create: (options) => ({
      perturb(context) {
        if (context.phase === 'evaluate') return [];
        const { steps, batch } = context;
        const tiled = (layer: number, size: number) =>
          tf.tile(mask(options, context, [steps, 1, size], layer), [1, batch, 1]);
        return scaleOutput(tiled, context);
      },
    }),
    expected: { sharing: /is shared between examples/ },
  },
  'a mask for the sequence where one a step is declared': {
    create: (options) => ({
      perturb(context) {
        if (context.phase === 'evaluate') return [];
        const { steps, batch } = context;
        const tiled = (layer: number, size: number) =>
          tf.tile(mask(options, context, [1, batch, size], layer), [steps, 1, 1]);
        return scaleOutput(tiled, context);
      },
    }),
    expected: { lifetime: /is shared between steps/ },
  },
  'a mask a step where one for the sequence is declared': {
    create: sound,
    claims: { valid: [{ ...masked, lifetime: 'sequence' }] },
    expected: { lifetime: /changes within a sequence/ },
  },
  'a mask for each example where a shared one is declared': {
    create: sound,
    claims: { valid: [{ ...masked, sharing: 'batch' }] },
    expected: { sharing: /differs between examples/ },
  },
  'one stream for all layers': {
    create: (options) => ({
      perturb(context) {
        if (context.phase === 'evaluate') return [];
        const { steps, batch } = context;
        return scaleOutput((_, size) => mask(options, context, [steps, batch, size], 0), context);
      },
    }),
    expected: { streams: /output\/0\/scale and output\/1\/scale share their noise/ },
  },
  'a rate of zero that is not the identity': {
    create: (options) => sound({ rate: Math.max(options.rate, 1e-3) }),
    claims: { variations: { rate: [0.2] } },
    expected: { identity: /changes the loss/ },
  },
  'a rate that is clamped': {
    create: (options) => sound({ rate: Math.min(options.rate, 0.5) }),
    claims: { invalid: [{ options: { rate: 0.9 }, code: 'RNNX_OPTION_INVALID' }] },
    expected: { refusals: /was taken; RNNX_OPTION_INVALID was expected/ },
  },
  'an error without a code': {
    create: (options) => {
      if (options.rate > 0.8) throw new RangeError('too much');
      return sound(options);
    },
    claims: { invalid: [{ options: { rate: 0.9 }, code: 'RNNX_OPTION_INVALID' }] },
    expected: { refusals: /an error without a code: RangeError: too much/ },
  },
  'integers where numbers belong': {
    create: (options) => ({
      perturb: (context) =>
        sound(options)
          .perturb(context)
          .map((entry) => ('value' in entry ? { ...entry, value: tf.cast(entry.value, 'bool') } : entry)),
    }),
    expected: { shapes: /the value at "output" is bool/, unbiased: /is biased/ },
  },
  'a map that loses a dimension of size one': {
    create: (options) => ({
      perturb: (context) =>
        context.phase === 'evaluate'
          ? []
          : scaleOutput(
              (layer, size) => mask(options, context, [context.steps, context.batch, size], layer),
              context,
            ).map(({ site, layer, ...rest }) => ({
              site,
              layer: layer!,
              kind: 'map' as const,
              map: (x: tf.Tensor) => {
                const result = tf.mul(x, (rest as { value: tf.Tensor }).value);
                return context.batch === 1 ? tf.squeeze(result, [1]) : result;
              },
            })),
    }),
    expected: { shapes: /the map at "output" turns float32 \[1, 1, 5\] into float32 \[1, 5\]/ },
  },
  'a mask on the carried state instead of the operand': {
    create: (options) => ({
      perturb(context) {
        if (context.phase === 'evaluate') return [];
        const { steps, batch } = context;
        return scaleOutput((layer, size) => mask(options, context, [steps, batch, size], layer), context).map(
          (entry) => ({ ...entry, site: 'hidden' }) as Perturbation,
        );
      },
    }),
    claims: { valid: [{ ...masked, sites: ['recurrent'] }] },
    expected: {
      visible: /acts at "hidden", which is not among its claimed sites/,
      'carried-state': /changes the carried state "h"/,
    },
  },
};

describe('the contract of regularizers', () => {
  it('holds for a right regularizer', async () => {
    expectBroken(await checkRegularizer(plugin(sound), claims), {});
  });

  for (const [bug, { create, claims: changes, expected }] of Object.entries(broken))
    it(`catches ${bug}`, async () => {
      expectBroken(await checkRegularizer(plugin(create), { ...claims, ...changes }), expected);
    });
});

describe('the contract of regularizers polices its own cases', () => {
  const cases: Record<string, [Partial<RegularizerClaims>, Record<string, RegExp>]> = {
    'a vacuous case': [
      { valid: [masked, { options: { rate: 0 }, sites: [] }] },
      { visible: /\{"rate":0\} is a vacuous case/ },
    ],
    'no case at all': [{ valid: [] }, { 'strict-schema': /no valid set of options/, 'options-used': /never varied/ }],
    'no refused options': [{ invalid: [] }, { refusals: /no invalid options were given/ }],
    'an option without a variation': [{ variations: {} }, { 'options-used': /option "rate" was never varied/ }],
    'a variation of no option': [{ variations: { rat: [1] } }, { 'options-used': /varies "rat", which is no option/ }],
    'a site that is never used': [
      { valid: [{ ...masked, sites: ['output', 'hidden'] }] },
      { visible: /never acts at "hidden"/ },
    ],
    'noise without claims': [
      { valid: [{ options: { rate: 0.4 }, sites: ['output'] }] },
      { visible: /say unbiased, lifetime, sharing/, lifetime: /no claimed lifetime/, sharing: /no claimed sharing/ },
    ],
  };
  for (const [what, [changes, expected]] of Object.entries(cases))
    it(`refuses ${what}`, async () => {
      expectBroken(await checkRegularizer(plugin(sound), { ...claims, ...changes }), expected);
    });
});
