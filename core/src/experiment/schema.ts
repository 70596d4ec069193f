import type { InitializerSpec } from '../model/initializers.js';
import type { PluginRegistry } from '../registry.js';

/** A JSON schema (draft 7). */
export type JsonSchema = Readonly<Record<string, unknown>>;

const positive = (description: string, fallback?: number): JsonSchema => ({
  description,
  type: 'number',
  exclusiveMinimum: 0,
  ...(fallback === undefined ? {} : { default: fallback }),
});

const fraction = (description: string, fallback: number): JsonSchema => ({
  description,
  type: 'number',
  minimum: 0,
  exclusiveMaximum: 1,
  default: fallback,
});

const count = (description: string, fallback: number): JsonSchema => ({
  description,
  type: 'integer',
  minimum: 1,
  default: fallback,
});

const countOrNull = (description: string): JsonSchema => ({
  description,
  type: ['integer', 'null'],
  minimum: 1,
  default: null,
});

const section = (description: string, properties: Record<string, JsonSchema>): JsonSchema => ({
  description,
  type: 'object',
  additionalProperties: false,
  default: {},
  properties,
});

/** An object whose `name` decides which other properties it takes. */
function choice(
  options: readonly (readonly [name: string, description: string, properties: Record<string, JsonSchema>])[],
) {
  return {
    type: 'object',
    required: ['name'],
    discriminator: { propertyName: 'name' },
    oneOf: options.map(([name, description, properties]) => ({
      type: 'object',
      description,
      additionalProperties: false,
      required: ['name', ...requiredOf(properties)],
      properties: { name: { const: name }, ...properties },
    })),
  };
}

function requiredOf(properties: Record<string, JsonSchema>): string[] {
  return Object.keys(properties).filter((key) => !('default' in properties[key]!));
}

const initializer = choice([
  ['zeros', 'All zero', {}],
  ['constant', 'One value everywhere', { value: { description: 'The value', type: 'number' } }],
  ['uniform', 'Uniform in (-scale, scale)', { scale: positive('Half the width of the range') }],
  ['normal', 'Normal with mean 0', { std: positive('Standard deviation') }],
  ['orthogonal', 'Rows or columns orthonormal times gain', { gain: positive('Factor', 1) }],
  ['identity', 'A multiple of the identity in each gate block', { scale: positive('The multiple', 1) }],
  [
    'sparse',
    'Few incoming weights a unit, the rest zero',
    {
      connections: { description: 'Incoming weights a unit that are not zero', type: 'integer', minimum: 1 },
      std: positive('Standard deviation of the weights before rescaling'),
      spectralRadius: {
        description: 'Largest absolute eigenvalue after rescaling; null: no rescaling',
        type: ['number', 'null'],
        exclusiveMinimum: 0,
        default: null,
      },
    },
  ],
]);

/** Schema of an option that says how a parameter starts; for plugins too. */
export function initializerSchema(description: string, fallback?: InitializerSpec): JsonSchema {
  return { description, ...initializer, ...(fallback === undefined ? {} : { default: fallback }) };
}

/** The same, where `null` stands for another option's value. A compound `oneOf` would lose the inner defaults. */
export function initializerOrNull(description: string): JsonSchema {
  return {
    description,
    default: null,
    if: { type: 'null' },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema
    then: {},
    else: initializer,
  };
}

const learningRate = (fallback: number) => positive('Learning rate', fallback);

const optimizer = choice([
  ['sgd', 'Plain stochastic gradient descent', { learningRate: learningRate(1) }],
  [
    'momentum',
    'Gradient descent with momentum',
    {
      learningRate: learningRate(0.1),
      momentum: fraction('Momentum', 0.9),
      nesterov: { description: 'Nesterov momentum', type: 'boolean', default: false },
    },
  ],
  [
    'adam',
    'Adam (Kingma and Ba 2015)',
    {
      learningRate: learningRate(0.001),
      beta1: fraction('Decay of the first moment', 0.9),
      beta2: fraction('Decay of the second moment', 0.999),
      epsilon: positive('Added to the root of the second moment', 1e-8),
    },
  ],
  [
    'rmsprop',
    'RMSProp with momentum',
    {
      learningRate: learningRate(0.001),
      decay: fraction('Decay of the running mean square', 0.9),
      momentum: fraction('Momentum', 0),
      epsilon: positive('Added to the running mean square', 1e-8),
      initial: { description: 'Running mean square at the start', type: 'number', minimum: 0, default: 0 },
    },
  ],
  [
    'asgd',
    'Averaged SGD with the non-monotonic trigger (Merity et al. 2018, algorithm 1)',
    {
      learningRate: learningRate(30),
      nonMonotone: count('Epochs of validation to look back before averaging begins', 5),
    },
  ],
]);

const factor = (fallback: number): JsonSchema => ({
  description: 'Factor on the learning rate',
  type: 'number',
  exclusiveMinimum: 0,
  maximum: 1,
  default: fallback,
});

const schedule = choice([
  ['constant', 'The same learning rate throughout', {}],
  [
    'zaremba',
    'Times factor for every epoch after a given one (Zaremba et al. 2014)',
    {
      after: { description: 'Last epoch at the full learning rate', type: 'integer', minimum: 0 },
      factor: factor(0.5),
    },
  ],
  ['plateau', 'Times factor after each epoch whose validation metric is not the best', { factor: factor(0.25) }],
]);

const model = section('The network', {
  cell: { description: 'Recurrent cell', default: 'lstm', $ref: 'rnnx:plugin/cell' },
  layers: { ...count('Stacked recurrent layers', 1), maximum: 1000 },
  hiddenSize: count('Units a layer', 128),
  embeddingSize: countOrNull('Width of the embedding; null: hiddenSize. Token tasks only'),
  tied: {
    description: 'One matrix for embedding and output; embeddingSize must equal hiddenSize. Token tasks only',
    type: 'boolean',
    default: false,
  },
  initialState: {
    description: 'State that a sequence or stream begins with: zero, or a trained vector for each state of each layer',
    enum: ['zero', 'learned'],
    default: 'zero',
  },
  init: initializerSchema('Start of every parameter that declares no other', { name: 'uniform', scale: 0.1 }),
  embeddingInit: initializerOrNull('Start of the embedding; null: init'),
  outputInit: initializerOrNull('Start of the output weight; null: init'),
  outputBiasInit: initializerOrNull('Start of the output bias; null: init'),
});

const training = section('How the network is trained', {
  epochs: count('Passes over the training split', 10),
  batchSize: count('Examples a minibatch: parallel streams of a token split, or sequences', 20),
  bptt: count(
    'Time steps of truncated back-propagation; for classification at least those of the longest sequence',
    35,
  ),
  carryState: {
    description: 'Carry the state from one minibatch to the next (token streams)',
    type: 'boolean',
    default: true,
  },
  segments: {
    description:
      'How training tokens are cut: streamed: parallel streams in order; shuffled: segments of bptt predictions in ' +
      'random order, from another random crop each epoch (carryState must be false). Token streams only',
    enum: ['streamed', 'shuffled'],
    default: 'streamed',
  },
  lossReduction: {
    description: 'sum: sum over time steps of the batch mean (Zaremba et al. 2014); mean: mean over all predictions',
    enum: ['mean', 'sum'],
    default: 'mean',
  },
  optimizer: { description: 'Optimizer', default: { name: 'adam' }, ...optimizer },
  schedule: { description: 'Learning rate over the epochs', default: { name: 'constant' }, ...schedule },
  clipNorm: {
    description: 'Largest global norm of the gradient; null: no clipping',
    type: ['number', 'null'],
    exclusiveMinimum: 0,
    default: 5,
  },
  patience: countOrNull('Stop after so many epochs without a better validation metric; null: never'),
  checkpointEvery: countOrNull('Also write a checkpoint every so many steps; null: after epochs only'),
  reportEvery: count('Report progress every so many steps', 50),
  track: {
    description: 'Quantities of the weights to report with each epoch: "spectral-radius" of the recurrent matrices',
    type: 'array',
    items: { enum: ['spectral-radius'] },
    uniqueItems: true,
    default: [],
  },
});

const evaluation = section('How splits are scored', {
  batchSize: count(
    'Parallel streams; 1 is exact, more lose context at the seams. Every token counts once. Sequences: how many at once',
    1,
  ),
  steps: count('Time steps a pass; changes speed, not the result', 100),
});

/** Lower case with hyphens: fit for file names. */
export const runNamePattern = '^[a-z0-9]+([.-][a-z0-9]+)*$';

const properties: Readonly<Record<string, JsonSchema>> = {
  $schema: { description: 'For editors: the file that `rnnx schema` prints', type: 'string' },
  name: {
    description: 'Name for the run folder and the tables: lower case, digits and hyphens',
    type: 'string',
    pattern: runNamePattern,
    default: 'experiment',
  },
  dataset: { description: 'Data set', $ref: 'rnnx:plugin/dataset' },
  model,
  regularizers: {
    description: 'Regularizers in the order in which they act at a site',
    type: 'array',
    items: { $ref: 'rnnx:plugin/regularizer' },
    default: [],
  },
  training,
  evaluation,
  seeds: {
    description: 'Seeds; each is a run of its own',
    type: 'array',
    items: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    minItems: 1,
    uniqueItems: true,
    default: [1],
  },
  backend: {
    description: 'Compute backend; auto: the fastest that works here',
    default: 'auto',
    if: { const: 'auto' },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema
    then: {},
    else: { $ref: 'rnnx:plugin/backend' },
  },
  plugins: {
    description: 'Third-party plugins: package name, short name, or path of a file or folder',
    type: 'array',
    items: { type: 'string', minLength: 1 },
    default: [],
  },
  variants: {
    description: 'Alternatives to compare: each is merged over the rest (arrays replaced) and runs with every seed',
    type: 'object',
    propertyNames: { pattern: runNamePattern },
    // What a variant holds is checked after the merge: filled-in defaults would hide the values it is merged over.
    additionalProperties: { type: 'object' },
    default: {},
  },
};

/** The one schema of an experiment. Plugin references point at `rnnx:plugin/<kind>`, which a registry's ajv knows. */
export const experimentSchema: JsonSchema = {
  type: 'object',
  description: 'An rnnx experiment',
  additionalProperties: false,
  required: ['dataset'],
  properties,
};

const experimentId = 'rnnx:experiment';

/** The compiled schema, one a registry. */
export function experimentValidator(registry: PluginRegistry) {
  const { ajv } = registry;
  return ajv.getSchema(experimentId) ?? ajv.addSchema(experimentSchema, experimentId).getSchema(experimentId)!;
}
