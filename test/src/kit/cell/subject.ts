import {
  type AnyPlugin,
  type Cell,
  type CellLayout,
  type CellSites,
  type CellState,
  createRng,
  initializeParameter,
  type Weights,
} from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { digest, Rig, type RigOptions } from '../rig.js';
import { Subject } from '../subject.js';
import type { CellCase, CellClaims } from './claims.js';

/** One layer with weights, a previous state and an input product, to call `step` on. Its tensors belong to the caller's scope. */
export interface Bench {
  readonly cell: Cell;
  readonly layout: CellLayout;
  readonly weights: Weights;
  readonly x: tf.Tensor2D;
  readonly state: CellState;
  /** Products and sites without any regularizer. */
  readonly clean: CellSites;
}

/** A cell under test, alone and in a model. */
export class CellSubject extends Subject<'cell', CellCase> {
  declare readonly claims: CellClaims;

  constructor(plugin: AnyPlugin, claims: CellClaims) {
    super('cell', plugin, claims);
  }

  model(at: CellCase, cell: Cell, changes: Partial<RigOptions> = {}): Rig {
    return new Rig({ cell, regularizers: [], task: at.task ?? 'tokens', ...changes });
  }

  rig(at: CellCase, changes: Partial<RigOptions> = {}): Rig {
    return this.model(at, this.create(at.options), changes);
  }

  bench(
    at: CellCase,
    sizes: { batch: number; input: number; hidden: number } = { batch: 3, input: 6, hidden: 5 },
  ): Bench {
    const cell = this.create(at.options);
    const { batch, input, hidden } = sizes;
    const layout = cell.build(input, hidden);
    const rng = createRng(60);
    const weights: Record<string, tf.Tensor> = {};
    for (const spec of layout.parameters) {
      // Without zeros, which a start may have, so that every path is open.
      const start = initializeParameter(
        { ...spec, init: { name: 'uniform', scale: 0.6 }, blockInit: {} },
        { name: 'zeros' },
        rng.stream(spec.name),
      );
      weights[spec.name] = tf.tensor(start, [...spec.shape]);
    }
    const positive = (name: string, columns: number) =>
      tf.add(tf.mul(rng.stream(name).uniform([batch, columns]), 0.7), 0.1) as tf.Tensor2D;
    const state = Object.fromEntries(cell.stateNames.map((name) => [name, positive(name, hidden)])) as CellState;
    const x = tf.sub(positive('x', layout.gates.length * hidden), 0.4) as tf.Tensor2D;
    const clean: CellSites = {
      recurrent: (operand, weight) => tf.matMul(operand, weights[weight] as tf.Tensor2D),
      candidate: (g) => g,
      readout: (c) => c,
      ...(cell.moments && { inputVariance: positive('variance', layout.gates.length * hidden) }),
    };
    return { cell, layout, weights, x, state, clean };
  }

  async exercise(instance: Cell, at: CellCase): Promise<void> {
    const rig = this.model(at, instance);
    await rig.train(createRng(1));
    await rig.evaluate(createRng(1));
    rig.dispose();
  }

  async fingerprint(at: CellCase): Promise<string> {
    const cell = this.create(at.options);
    const rig = this.model(at, cell);
    const { outcome, gradients } = await rig.train(createRng(2));
    const evaluated = await rig.evaluate(createRng(2));
    rig.dispose();
    const layout = cell.build(6, 5);
    return JSON.stringify([
      layout,
      cell.sites,
      cell.stateNames,
      digest(outcome),
      digest(evaluated),
      [...gradients].map(([name, values]) => [name, digest(values)]),
    ]);
  }
}
