import type { Tensor } from '@tensorflow/tfjs';
import { type Normalization, type Perturbation, sites } from '../contracts/perturbation.js';
import type { LayerShape, ModelShape } from '../contracts/regularizer.js';
import { RnnxError } from '../errors.js';
import { didYouMean } from '../suggest.js';

const kinds = ['scale', 'shift', 'retain', 'normalize', 'map'];

/**
 * Refuses a perturbation that cannot be applied, before any tensor is touched.
 *
 * Errors: RNNX_PERTURBATION_INVALID, RNNX_SITE_UNSUPPORTED.
 */
export function checkPerturbation(
  perturbation: Perturbation,
  owner: string,
  model: ModelShape,
  steps: number,
  batch: number,
): void {
  const { site, kind } = perturbation;
  const optionalSites = model.sites;
  const refuse = (what: string, got: string, expected: string): never => {
    throw new RnnxError('RNNX_PERTURBATION_INVALID', `Regularizer "${owner}": ${what}`, {
      got,
      expected,
      remedy: 'mend the perturbation that the regularizer returns',
    });
  };
  if (!sites.includes(site)) refuse(`unknown site.${didYouMean(site, sites)}`, site, sites.join(', '));
  if (!kinds.includes(kind)) refuse('unknown kind', kind, kinds.join(', '));
  const ofModel = site === 'embedding' || site === 'weights.output' || site === 'attention';
  if (ofModel !== (perturbation.layer === undefined))
    refuse(`site "${site}"`, `layer ${perturbation.layer}`, ofModel ? 'no layer' : 'a layer');
  const layer = ofModel ? undefined : model.layers[perturbation.layer!];
  if (!ofModel && layer === undefined)
    refuse(`site "${site}"`, `layer ${perturbation.layer}`, `0 to ${model.layers.length - 1}`);
  if ((site === 'candidate' || site === 'readout' || site === 'cell') && !optionalSites.includes(site))
    throw new RnnxError(
      'RNNX_SITE_UNSUPPORTED',
      `Regularizer "${owner}" acts at "${site}", which this cell does not have`,
      {
        got: site,
        expected: optionalSites.length
          ? `besides the common sites: ${optionalSites.join(', ')}`
          : 'only the common sites',
        remedy: 'take another cell, or remove the regularizer',
      },
    );
  if (site === 'embedding' && model.vocabularySize === undefined)
    throw new RnnxError(
      'RNNX_SITE_UNSUPPORTED',
      `Regularizer "${owner}" acts on the embedding, but the inputs are frames`,
      {
        got: site,
        expected: 'a token task',
        remedy: 'remove the regularizer, or take a token data set',
      },
    );
  if (site === 'attention' && model.attention === undefined)
    throw new RnnxError(
      'RNNX_SITE_UNSUPPORTED',
      `Regularizer "${owner}" acts on an attention, which there is none of`,
      {
        got: site,
        expected: 'a reader of cloze questions',
        remedy: 'remove the regularizer, or take a data set of cloze questions',
      },
    );
  if (site === 'attention' && kind !== 'map') refuse(`kind "${kind}" at site "attention"`, kind, 'map');
  if (kind === 'retain' && site !== 'hidden' && site !== 'cell')
    refuse(`kind "retain" at site "${site}"`, site, 'a state: hidden or cell');
  if (site === 'embedding' && kind !== 'scale') refuse(`kind "${kind}" at site "embedding"`, kind, 'scale');
  if (kind === 'map') return;
  if (kind === 'normalize') {
    if (ofModel || site === 'initial' || site.startsWith('weights.'))
      refuse(`kind "normalize" at site "${site}"`, site, 'an activation of every step and example');
    checkNormalization(perturbation, siteWidth(site, layer!), steps, batch, (what, got, expected) =>
      refuse(`${what} at "${site}" of layer ${perturbation.layer}`, got, expected),
    );
    return;
  }

  const { shape, rank } = perturbation.value;
  const shown = `[${shape.join(', ')}]`;
  if (site.startsWith('weights.')) {
    const candidates = weightShapes(perturbation, model, layer).filter(Boolean);
    const fits = candidates.every((weight) => {
      const [rows, columns] = weight;
      const tail = rank === 3 ? shape.slice(1) : shape;
      const stepwise = rank === 3 && shape[0] === steps;
      return rank === 0 || ((rank === 2 || stepwise) && broadcasts(tail, [rows!, columns!]));
    });
    if (candidates.length === 0)
      refuse(`no weight "${perturbation.weight}"`, `${perturbation.weight}`, weightNames(layer));
    const first = candidates[0]!.join(', ');
    if (!fits) refuse(`value at "${site}"`, shown, `[${first}] or [${steps}, ${first}]`);
    return;
  }
  if (site === 'embedding') {
    const [types, fits] = [model.vocabularySize, shape.at(-1) === model.vocabularySize];
    if (!fits || rank > 2 || (rank === 2 && shape[0] !== batch))
      refuse('value at "embedding"', shown, `[${types}] or [${batch}, ${types}]`);
    return;
  }
  const width = siteWidth(site, layer!);
  const gated = rank === 4 && (site === 'input' || site === 'recurrent');
  const length = site === 'initial' ? 1 : steps;
  const expected = gated ? [length, batch, layer!.gates, width] : [length, batch, width];
  // The gates of an untied mask are never shared: that would be a tied one.
  const fits = rank === 0 || (broadcasts(shape, expected) && !(gated && shape[2] !== layer!.gates));
  if (!fits)
    refuse(
      `value at "${site}" of layer ${perturbation.layer}`,
      shown,
      `[1${length === 1 ? '' : `|${length}`}, 1|${batch}, ${width}]`,
    );
}

function checkNormalization(
  { gamma, beta, epsilon, mask, statistics }: Normalization,
  width: number,
  steps: number,
  batch: number,
  refuse: (what: string, got: string, expected: string) => void,
): void {
  const check = (what: string, tensor: Tensor | undefined, ...expected: (readonly number[])[]) => {
    if (tensor === undefined || expected.some((shape) => shape.join() === tensor.shape.join())) return;
    refuse(what, `[${tensor.shape.join(', ')}]`, expected.map((shape) => `[${shape.join(', ')}]`).join(' or '));
  };
  check('gamma', gamma, [width]);
  check('beta', beta, [width]);
  check('mask', mask, [steps, batch]);
  for (const name of ['mean', 'variance'] as const) check(name, statistics?.[name], [steps, 1, width], [1, 1, width]);
  if (!(epsilon > 0 && epsilon < Number.POSITIVE_INFINITY)) refuse('epsilon', String(epsilon), 'a number above 0');
}

function siteWidth(site: Perturbation['site'], layer: LayerShape): number {
  if (site === 'input') return layer.inputSize;
  return site.startsWith('preactivation') ? layer.gates * layer.hiddenSize : layer.hiddenSize;
}

function weightShapes(p: Perturbation, model: ModelShape, layer: LayerShape | undefined): (readonly number[])[] {
  if (p.site === 'weights.output') return [model.outputWeight];
  if (p.site === 'weights.input') return [layer!.inputWeight.shape];
  return layer!.recurrentWeights
    .filter(({ name }) => p.weight === undefined || p.weight === name)
    .map(({ shape }) => shape);
}

function weightNames(layer: LayerShape | undefined): string {
  return layer === undefined ? 'none' : layer.recurrentWeights.map(({ name }) => name).join(', ');
}

function broadcasts(shape: readonly number[], target: readonly number[]): boolean {
  return shape.length === target.length && shape.every((n, i) => n === 1 || n === target[i]);
}
