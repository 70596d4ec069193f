import { type Cell, definePlugin, type OptionsSchema } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { type CellClaims, checkCell } from '../kit/index.js';
import { expectBroken } from './support.js';

interface LeakOptions {
  readonly keep: number;
}

const schema: OptionsSchema<LeakOptions> = {
  type: 'object',
  additionalProperties: false,
  properties: {
    keep: { type: 'number', minimum: 0, maximum: 1, default: 0.5, description: 'share of the old state' },
  },
};

const claims: CellClaims = {
  valid: [{ options: {}, carries: ['c'] }],
  variations: { keep: [0.7] },
  invalid: [{ options: { keep: 2 }, code: 'RNNX_CONFIG_INVALID' }],
};

type Create = (options: LeakOptions) => Cell;

function plugin(create: Create) {
  return definePlugin<'cell', LeakOptions>({
    kind: 'cell',
    name: 'leaky',
    summary: 'A leaky integrator',
    core: '^0.1.0',
    paper: { title: 'A leaky integrator', authors: 'Kit', year: 2020, equations: '(1)' },
    schema,
    create,
  });
}

/** c' = keep c + (1-keep) tanh(x + h W), h = tanh(c'); each bug below changes it in one place. */
function sound({ keep }: LeakOptions): Cell {
  return {
    sites: ['candidate', 'readout', 'cell'],
    stateNames: ['h', 'c'],
    build: (inputSize, hiddenSize) => ({
      parameters: [
        { name: 'input', shape: [inputSize, hiddenSize] },
        { name: 'recurrent', shape: [hiddenSize, hiddenSize] },
        { name: 'bias', shape: [hiddenSize] },
      ],
      inputWeight: 'input',
      inputBias: 'bias',
      recurrentWeights: ['recurrent'],
      gates: ['g'],
    }),
    step(x, { h, c }, _weights, sites) {
      const g = sites.candidate(tf.tanh(tf.add(x, sites.recurrent(h, 'recurrent'))));
      const next = tf.add(tf.mul(c!, keep), tf.mul(g, 1 - keep)) as tf.Tensor2D;
      return { h: tf.tanh(sites.readout(next)), c: next };
    },
  };
}

function changed(change: (cell: Cell, options: LeakOptions) => Partial<Cell>): Create {
  return (options) => {
    const cell = sound(options);
    return { ...cell, ...change(cell, options) };
  };
}

/** The sound cell with a second product, by the identity, of the state that is carried. */
const carryThroughProduct = changed((cell, { keep }) => ({
  build: (inputSize, hiddenSize) => {
    const layout = cell.build(inputSize, hiddenSize);
    return {
      ...layout,
      parameters: [
        ...layout.parameters.filter(({ name }) => name !== 'input' && name !== 'bias'),
        { name: 'input', shape: [inputSize, 2 * hiddenSize] },
        { name: 'bias', shape: [2 * hiddenSize] },
        { name: 'carry', shape: [hiddenSize, hiddenSize], init: { name: 'identity', scale: 1 } },
      ],
      recurrentWeights: ['recurrent', 'carry'],
      gates: ['g', 'k'],
    };
  },
  step(x, { h, c }, _weights, sites) {
    const [xg, xk] = tf.split(x, 2, 1) as tf.Tensor2D[];
    const g = sites.candidate(tf.tanh(tf.add(xg!, sites.recurrent(h, 'recurrent'))));
    const carried = tf.add(tf.mul(xk!, 0.1), sites.recurrent(c!, 'carry'));
    const next = tf.add(tf.mul(carried, keep), tf.mul(g, 1 - keep)) as tf.Tensor2D;
    return { h: tf.tanh(sites.readout(next)), c: next };
  },
}));

const broken: Record<string, { create: Create; claims?: Partial<CellClaims>; expected: Record<string, RegExp> }> = {
  'a carried state that is masked on its way through a product': {
    create: carryThroughProduct,
    expected: { 'carried-state': /a mask of the operand also masks the carried state "c"/ },
  },
  'a carried state that is the masked readout': {
    create: changed((_, { keep }) => ({
      step(x, { h, c }, _weights, sites) {
        const g = sites.candidate(tf.tanh(tf.add(x, sites.recurrent(h, 'recurrent'))));
        const next = sites.readout(tf.add(tf.mul(c!, keep), tf.mul(g, 1 - keep)) as tf.Tensor2D);
        return { h: tf.tanh(next), c: next };
      },
    })),
    expected: { 'carried-state': /a mask of the site "readout" also masks the carried state "c"/ },
  },
  'a carried state that is passed off as a candidate': {
    create: changed((_, { keep }) => ({
      step(x, { h, c }, _weights, sites) {
        const g = tf.tanh(tf.add(x, sites.recurrent(h, 'recurrent')));
        const next = tf.add(tf.mul(sites.candidate(c!), keep), tf.mul(g, 1 - keep)) as tf.Tensor2D;
        return { h: tf.tanh(sites.readout(next)), c: next };
      },
    })),
    expected: { 'carried-state': /passes its carried state "c" through the site "candidate"/ },
  },
  'a claim to carry what is not carried': {
    create: sound,
    claims: { valid: [{ options: {}, carries: ['c', 'h'] }] },
    expected: { 'carried-state': /also masks the carried state "h"/ },
  },
  'a carried state that is not named': {
    create: sound,
    claims: { valid: [{ options: {}, carries: [] }] },
    expected: { 'carried-state': /name it under "carries"/ },
  },
  'a product that no mask can reach': {
    create: changed((_, { keep }) => ({
      step(x, { h, c }, weights, sites) {
        const product = tf.matMul(h, weights.recurrent as tf.Tensor2D);
        const g = sites.candidate(tf.tanh(tf.add(x, product)));
        const next = tf.add(tf.mul(c!, keep), tf.mul(g, 1 - keep)) as tf.Tensor2D;
        return { h: tf.tanh(sites.readout(next)), c: next };
      },
    })),
    expected: { layout: /so that no mask reaches it/, 'carried-state': /the state "h" goes on past/ },
  },
  'a site that is declared and never used': {
    create: changed((_, { keep }) => ({
      step(x, { h, c }, _weights, sites) {
        const g = sites.candidate(tf.tanh(tf.add(x, sites.recurrent(h, 'recurrent'))));
        const next = tf.add(tf.mul(c!, keep), tf.mul(g, 1 - keep)) as tf.Tensor2D;
        return { h: tf.tanh(next), c: next };
      },
    })),
    expected: { layout: /declares the site "readout" without using it/ },
  },
  'a bias of the wrong size': {
    create: changed((cell) => ({
      build: (inputSize, hiddenSize) => {
        const layout = cell.build(inputSize, hiddenSize);
        const parameters = layout.parameters.map((spec) => (spec.name === 'bias' ? { ...spec, shape: [1] } : spec));
        return { ...layout, parameters };
      },
    })),
    expected: { layout: /"bias" is \[1\], and not \[5\]/ },
  },
  'a counter': {
    create: changed((cell) => {
      let steps = 0;
      return {
        step(x, state, weights, sites) {
          const next = cell.step(x, state, weights, sites);
          return { ...next, h: tf.mul(next.h, 1 + steps++ * 1e-3) };
        },
      };
    }),
    expected: { pure: /another loss/, gradients: /differences say/, 'carried-state': /goes on past/ },
  },
  'a wrong gradient': {
    create: changed((cell) => {
      const doubled = tf.customGrad((x) => ({
        value: tf.clone(x as tf.Tensor),
        gradFunc: (dy: tf.Tensor) => tf.mul(dy, 2),
      }));
      return {
        step(x, state, weights, sites) {
          return cell.step(doubled(x) as tf.Tensor2D, state, weights, sites);
        },
      };
    }),
    expected: { gradients: /differences say/ },
  },
  'an ignored option': {
    create: () => sound({ keep: 0.5 }),
    expected: { 'options-used': /option "keep" changes nothing/ },
  },
  'a leak': {
    create: changed((cell) => ({
      step(x, state, weights, sites) {
        tf.keep(tf.zeros([1]));
        return cell.step(x, state, weights, sites);
      },
    })),
    expected: { 'no-leak': /leaves \d+ tensors behind/ },
  },
};

describe('the contract of cells', () => {
  it('holds for a right cell', async () => {
    expectBroken(await checkCell(plugin(sound), claims), {});
  });

  for (const [bug, { create, claims: changes, expected }] of Object.entries(broken))
    it(`catches ${bug}`, async () => {
      expectBroken(await checkCell(plugin(create), { ...claims, ...changes }), expected);
    });
});
