import * as tf from '@tensorflow/tfjs';
import { type MapContext, type Normalization, type Perturbation, type Site, sites } from '../contracts/perturbation.js';
import type { ModelShape } from '../contracts/regularizer.js';
import { RnnxError } from '../errors.js';
import { checkPerturbation } from './check-perturbation.js';
import type { FusedPerturbation, SteppedPerturbation } from './fused.js';
import { Normalizer } from './normalize.js';
import { unstackSteps } from './pieces.js';

const recurrenceSites = ['recurrent', 'preactivation.recurrent', 'candidate', 'readout', 'cell', 'hidden'] as const;

type Valued = Extract<Perturbation, { value: tf.Tensor }>;
export type StateContext = Omit<MapContext, 'layer'>;

/**
 * One perturbation. A value that changes with the step is cut into steps once, so that its gradient is one op, and only
 * where steps are taken one by one: at weights it is as large as all steps' weights.
 */
class Entry {
  #steps: readonly tf.Tensor[] | undefined;
  readonly normalizer: Normalizer | undefined;

  /** @param constant whether the value cannot depend on a parameter */
  constructor(
    readonly perturbation: Perturbation,
    readonly constant: boolean,
  ) {
    if (perturbation.kind === 'normalize') this.normalizer = new Normalizer(perturbation);
  }

  /** Whether the value has a dimension of steps. */
  get stepwise(): boolean {
    const { perturbation } = this;
    return isValued(perturbation) && perturbation.site !== 'embedding' && perturbation.value.rank >= 3;
  }

  /** The value at step t. */
  at(t: number): tf.Tensor {
    const { value } = this.perturbation as Valued;
    if (!this.stepwise) return value;
    // A first dimension of 1 is the same for all steps; for a weight it means that there is one step.
    this.#steps ??= unstackSteps(value);
    return this.#steps.length === 1 ? this.#steps[0]! : this.#steps[t]!;
  }
}

export interface OwnedPerturbation {
  readonly owner: string;
  readonly perturbation: Perturbation;
  /** Its value cannot depend on a parameter, so that nobody asks for the value's gradient; default false. */
  readonly constant?: boolean;
}

/** An input and what it is multiplied by for each gate. */
export interface GateMasks {
  readonly x: tf.Tensor3D;
  readonly masks: tf.Tensor4D;
  /** Whether the masks may depend on a parameter. */
  readonly learned: boolean;
}

/**
 * All perturbations of one minibatch, sorted by place. At a place they act in the order of the regularizers in the
 * configuration, and within one regularizer in the order in which it returned them. Tensors made here belong to the
 * caller's tidy scope.
 */
export class SitePlan {
  readonly #entries = new Map<string, Entry[]>();

  /**
   * Errors: RNNX_PERTURBATION_INVALID, RNNX_SITE_UNSUPPORTED.
   */
  constructor(
    perturbations: readonly OwnedPerturbation[],
    model: ModelShape,
    private readonly steps: number,
    batch: number,
  ) {
    for (const { owner, perturbation, constant = false } of perturbations) {
      checkPerturbation(perturbation, owner, model, steps, batch);
      const key = place(perturbation.site, perturbation.layer);
      const entries = this.#entries.get(key) ?? [];
      entries.push(new Entry(perturbation, constant));
      this.#entries.set(key, entries);
    }
  }

  has(site: Site, layer?: number): boolean {
    return this.#entries.has(place(site, layer));
  }

  /** Whether a value at the site is drawn a step. */
  differsByStep(site: Site, layer?: number): boolean {
    return this.#at(site, layer).some((entry) => entry.stepwise);
  }

  /** Applies the site's perturbations to the quantity of all steps, `[T, B, N]`. */
  applyToSequence(site: Site, layer: number, x: tf.Tensor, extra: Omit<StateContext, 't'> = {}): tf.Tensor {
    return this.#apply(site, layer, x, (entry) => (entry.perturbation as Valued).value, { ...extra, t: undefined });
  }

  /** Applies the site's perturbations to the quantity of one step, `[B, N]`. */
  applyToStep<T extends tf.Tensor>(site: Site, layer: number, x: T, context: StateContext & { t: number }): T {
    const pick = (entry: Entry) => columnsOf(entry.at(context.t), context.columns);
    return this.#apply(site, layer, x, pick, context) as T;
  }

  /**
   * The weight matrices that the steps see: one for all steps, or one a step where a perturbation is drawn a step.
   *
   * @param name of the parameter, for perturbations that pick one of several
   */
  weights(site: Site, layer: number | undefined, weight: tf.Tensor, name?: string): tf.Tensor | readonly tf.Tensor[] {
    let current: tf.Tensor | readonly tf.Tensor[] = weight;
    for (const entry of this.#at(site, layer)) {
      const { perturbation } = entry;
      if (perturbation.weight !== undefined && perturbation.weight !== name) continue;
      const before: tf.Tensor | readonly tf.Tensor[] = current;
      if (entry.stepwise)
        current = Array.from({ length: this.steps }, (_, t) => perturbWeight(entry, stepOf(before, t), layer, t));
      else if (isStepwise(before)) current = before.map((w, t) => perturbWeight(entry, w, layer, t));
      else current = perturbWeight(entry, before, layer, undefined);
    }
    return current;
  }

  /**
   * The same as one matrix and the perturbations that, one after another, make of it the matrix of each step; `undefined`
   * where a `map` is among those.
   */
  steppedWeight(
    site: Site,
    layer: number | undefined,
    weight: tf.Tensor,
    name?: string,
  ): { readonly weight: tf.Tensor; readonly perturbations: readonly SteppedPerturbation[] } | undefined {
    let current = weight;
    const perturbations: SteppedPerturbation[] = [];
    for (const entry of this.#at(site, layer)) {
      const { perturbation } = entry;
      if (perturbation.weight !== undefined && perturbation.weight !== name) continue;
      if (perturbations.length === 0 && !entry.stepwise) current = perturbWeight(entry, current, layer, undefined);
      else if (!isValued(perturbation) || perturbation.kind === 'retain') return undefined;
      else
        perturbations.push({
          kind: perturbation.kind,
          value: perturbation.value,
          ...(entry.constant && { constant: true }),
        });
    }
    return { weight: current, perturbations };
  }

  /**
   * Operands of a product whose mask differs from gate to gate: one `[.., N]` operand a gate, or `undefined` where every
   * perturbation is the same for all gates.
   */
  operandsByGate(
    site: 'input' | 'recurrent',
    layer: number,
    x: tf.Tensor,
    gates: readonly [first: number, end: number],
    context: StateContext,
  ): tf.Tensor[] | undefined {
    if (!this.#at(site, layer).some(({ perturbation }) => differsByGate(perturbation))) return undefined;
    const operands: tf.Tensor[] = [];
    for (let gate = gates[0]; gate < gates[1]; gate++) {
      const pick = (entry: Entry) => {
        const value = context.t === undefined ? (entry.perturbation as Valued).value : entry.at(context.t);
        // [.., G, N]
        return differsByGate(entry.perturbation) ? tf.gather(value, gate, value.rank - 2) : value;
      };
      operands.push(this.#apply(site, layer, x, pick, context));
    }
    return operands;
  }

  /**
   * The input through masks that are the same for all gates, and the masks `[1|T, 1|B, G, 1|I]` that are not, where the site
   * `input` has nothing else; else `undefined`.
   */
  maskedByGate(layer: number, x: tf.Tensor3D): GateMasks | undefined {
    let shared: tf.Tensor = x;
    let masks: tf.Tensor | undefined;
    let learned = false;
    for (const { perturbation, constant } of this.#at('input', layer)) {
      if (!isValued(perturbation) || perturbation.kind !== 'scale') return undefined;
      const { value } = perturbation;
      if (!differsByGate(perturbation)) shared = tf.mul(shared, value);
      else {
        masks = masks === undefined ? value : tf.mul(masks, value);
        learned ||= !constant;
      }
    }
    return masks && { x: shared as tf.Tensor3D, masks: masks as tf.Tensor4D, learned };
  }

  /** The perturbations inside a layer's recurrence in order, or `undefined` where one is a `map` or normalises. */
  insideRecurrence(layer: number): FusedPerturbation[] | undefined {
    const found: FusedPerturbation[] = [];
    for (const site of recurrenceSites)
      for (const { perturbation, constant } of this.#at(site, layer)) {
        if (!isValued(perturbation)) return undefined;
        const { kind, value } = perturbation;
        found.push({ site, kind, value, ...(constant && { constant: true }) });
      }
    return found;
  }

  /**
   * What normalises a layer's two products and its readout, where each is one normalisation and nothing else acts inside the
   * recurrence; else `undefined`.
   */
  normalizations(
    layer: number,
  ): (Record<'input' | 'recurrent', Normalization> & { readout?: Normalization }) | undefined {
    const at = (site: Site) => {
      const [entry, ...more] = this.#at(site, layer);
      return entry?.perturbation.kind === 'normalize' && more.length === 0 ? entry.perturbation : undefined;
    };
    const [input, recurrent, readout] = [at('preactivation.input'), at('preactivation.recurrent'), at('readout')];
    const others = recurrenceSites.filter((site) => site !== 'preactivation.recurrent' && site !== 'readout');
    if (input === undefined || recurrent === undefined || others.some((site) => this.has(site, layer)))
      return undefined;
    if (readout === undefined) return this.has('readout', layer) ? undefined : { input, recurrent };
    return { input, recurrent, readout };
  }

  /** The embedding's scale by word type, `[V]`, or `undefined`. */
  embeddingScale(): tf.Tensor | undefined {
    let scale: tf.Tensor | undefined;
    for (const { perturbation } of this.#at('embedding', undefined)) {
      const { value } = perturbation as Valued;
      scale = scale === undefined ? value : tf.mul(scale, value);
    }
    return scale;
  }

  /** A term of the attention, `[T, B, H]` (`t` undefined) or once a sequence, `[B, H]` (`t` 0). */
  attention(term: string, x: tf.Tensor, t: 0 | undefined): tf.Tensor {
    let current = x;
    for (const { perturbation } of this.#at('attention', undefined))
      if (perturbation.kind === 'map') current = perturbation.map(current, { layer: -1, t, term });
    return current;
  }

  #at(site: Site, layer: number | undefined): readonly Entry[] {
    return this.#entries.get(place(site, layer)) ?? [];
  }

  #apply(site: Site, layer: number, x: tf.Tensor, pick: (entry: Entry) => tf.Tensor, context: StateContext): tf.Tensor {
    let current = x;
    for (const entry of this.#at(site, layer)) {
      const { perturbation, normalizer } = entry;
      if (perturbation.kind === 'map') current = perturbation.map(current, { ...context, layer });
      else if (perturbation.kind === 'normalize') current = normalizer!.apply(current, context.t, context.columns);
      else current = combine(perturbation, current, pick(entry), context.previous);
    }
    return current;
  }
}

function combine(perturbation: Valued, x: tf.Tensor, value: tf.Tensor, previous?: tf.Tensor): tf.Tensor {
  switch (perturbation.kind) {
    case 'scale':
      return tf.mul(x, value);
    case 'shift':
      return tf.add(x, value);
    case 'retain':
      // value*previous + (1-value)*next with one product.
      return tf.add(x, tf.mul(value, tf.sub(previous!, x)));
  }
}

type Stepwise = tf.Tensor | readonly tf.Tensor[];

function isStepwise(weight: Stepwise): weight is readonly tf.Tensor[] {
  return Array.isArray(weight);
}

function stepOf(weight: Stepwise, t: number): tf.Tensor {
  return isStepwise(weight) ? weight[t]! : weight;
}

/** @param t `undefined` where one matrix serves all steps */
function perturbWeight(entry: Entry, w: tf.Tensor, layer: number | undefined, t: number | undefined): tf.Tensor {
  const { perturbation } = entry;
  if (perturbation.kind === 'map') return perturbation.map(w, { layer: layer ?? -1, t });
  const valued = perturbation as Valued;
  return combine(valued, w, t === undefined ? valued.value : entry.at(t));
}

function isValued(perturbation: Perturbation): perturbation is Valued {
  return 'value' in perturbation;
}

function differsByGate(perturbation: Perturbation): boolean {
  return isValued(perturbation) && perturbation.value.rank === 4;
}

/** The columns of a value that belong to one of several products. */
function columnsOf(value: tf.Tensor, columns: MapContext['columns']): tf.Tensor {
  if (columns === undefined || value.rank === 0 || value.shape.at(-1) === 1) return value;
  const [first, end] = columns;
  const begin = value.shape.map((_, axis) => (axis === value.rank - 1 ? first : 0));
  return tf.slice(value, begin, [...value.shape.slice(0, -1), end - first]);
}

function place(site: Site, layer: number | undefined): string {
  if (!sites.includes(site)) throw new RnnxError('RNNX_PERTURBATION_INVALID', `There is no site "${site}"`);
  return `${site}/${layer ?? '-'}`;
}
