import { type AnyPlugin, createRng, type PluginRef, type Regularizer, type Rng } from '@rnnx/core';
import { refusalOf } from '../common/refusal.js';
import { kitCell } from '../reference-plugins.js';
import { digest, Rig, type RigOptions } from '../rig.js';
import { Subject } from '../subject.js';
import type { RegularizerCase, RegularizerClaims } from './claims.js';
import { collect, type Draws, drawCount } from './draws.js';
import { type Effect, effectsOf } from './effects.js';

/** A regularizer under test, with the models in which it is tried. */
export class RegularizerSubject extends Subject<'regularizer', RegularizerCase> {
  declare readonly claims: RegularizerClaims;
  readonly #draws = new Map<RegularizerCase, Promise<Draws[]>>();

  constructor(plugin: AnyPlugin, claims: RegularizerClaims) {
    super('regularizer', plugin, claims);
  }

  get cells(): readonly PluginRef[] {
    return this.claims.cells ?? [kitCell.name];
  }

  cellOf(at: RegularizerCase): PluginRef {
    return at.cell ?? this.cells[0]!;
  }

  /** A model with these regularizers and the case's cell and task. */
  model(at: RegularizerCase, instances: readonly Regularizer[], changes: Partial<RigOptions> = {}): Rig {
    return new Rig({
      cell: this.registry.create('cell', this.cellOf(at)),
      regularizers: instances.map((regularizer) => ({ name: this.plugin.name, regularizer })),
      task: at.task ?? 'tokens',
      ...changes,
    });
  }

  rig(at: RegularizerCase, changes: Partial<RigOptions> = {}): Rig {
    return this.model(at, [this.create(at.options)], changes);
  }

  /** The same model without it. */
  plain(at: RegularizerCase, changes: Partial<RigOptions> = {}): Rig {
    return this.model(at, [], changes);
  }

  effects(rig: Rig, instance: Regularizer, phase: 'train' | 'evaluate' | 'sample', rng: Rng): Promise<Effect[]> {
    return effectsOf(instance, rig, this.plugin.name, phase, rng);
  }

  /** What the case does in `drawCount` training minibatches, place by place. */
  draws(at: RegularizerCase): Promise<readonly Draws[]> {
    if (!this.#draws.has(at)) this.#draws.set(at, this.#draw(at));
    return this.#draws.get(at)!;
  }

  async #draw(at: RegularizerCase): Promise<Draws[]> {
    const instance = this.create(at.options);
    const rig = this.model(at, [instance]);
    const root = createRng(40).stream(this.plugin.name);
    const all: Effect[][] = [];
    for (let i = 0; i < drawCount; i++) all.push(await this.effects(rig, instance, 'train', root.stream(`draw-${i}`)));
    rig.dispose();
    return collect(all);
  }

  async exercise(instance: Regularizer, at: RegularizerCase): Promise<void> {
    const rig = this.model(at, [instance]);
    await rig.train(createRng(1));
    await rig.evaluate(createRng(1));
    await rig.evaluate(createRng(1), 'sample');
    rig.model.report(rig.weights);
    rig.dispose();
  }

  /** A refusal, such as of a site that the model does not have, is behaviour too. */
  async fingerprint(at: RegularizerCase): Promise<string> {
    let print = '';
    const error = await refusalOf(async () => {
      print = await this.#print(at);
    });
    return error === undefined ? print : `${error.code} ${error.message}`;
  }

  async #print(at: RegularizerCase): Promise<string> {
    const instance = this.create(at.options);
    const rig = this.model(at, [instance]);
    const { outcome, gradients } = await rig.train(createRng(2));
    const evaluated = await rig.evaluate(createRng(2));
    const prints = [
      JSON.stringify([rig.model.monteCarlo, rig.model.estimationBatches, rig.model.specs]),
      digest(outcome),
      digest(evaluated),
      ...[...gradients].map(([name, values]) => `${name} ${digest(values)}`),
    ];
    rig.dispose();
    return prints.join('\n');
  }
}
