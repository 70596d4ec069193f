import { type AnyPlugin, type Backend, createRng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { kitCell } from '../reference-plugins.js';
import { Rig, type TrainingPass } from '../rig.js';
import { type Case, Subject } from '../subject.js';
import type { BackendClaims } from './claims.js';

/** A compute backend under test, compared with tfjs's own cpu backend. */
export class BackendSubject extends Subject<'backend', Case> {
  constructor(plugin: AnyPlugin, claims: BackendClaims) {
    super('backend', plugin, claims);
  }

  /** Runs work on the backend, and makes the one before current again; `undefined` where it does not work here. */
  async on<T>(at: Case, work: (backend: Backend) => Promise<T>): Promise<T | undefined> {
    const backend = this.create(at.options);
    if (!(await backend.probe()).available) return undefined;
    const before = tf.getBackend();
    await backend.activate();
    try {
      return await work(backend);
    } finally {
      await tf.setBackend(before);
    }
  }

  /** A training pass of a small LSTM, with every activation site perturbed so that broadcasts are met. */
  async pass(): Promise<TrainingPass> {
    const rig = this.rig();
    try {
      return await rig.train(createRng(3));
    } finally {
      rig.dispose();
    }
  }

  rig(): Rig {
    const noisy = {
      name: 'noisy',
      regularizer: {
        perturb: ({ steps, batch, rng }: { steps: number; batch: number; rng: ReturnType<typeof createRng> }) => [
          {
            site: 'input' as const,
            layer: 0,
            kind: 'scale' as const,
            value: rng.stream('i').uniform([steps, batch, 6]),
          },
          {
            site: 'recurrent' as const,
            layer: 1,
            kind: 'scale' as const,
            value: rng.stream('r').uniform([1, batch, 5]),
          },
          { site: 'hidden' as const, layer: 0, kind: 'shift' as const, value: rng.stream('h').normal([steps, 1, 5]) },
        ],
      },
    };
    return new Rig({ cell: this.registry.create('cell', kitCell.name), regularizers: [noisy], task: 'tokens' });
  }

  async exercise(instance: Backend): Promise<void> {
    const before = tf.getBackend();
    if ((await instance.probe()).available) await instance.activate();
    await tf.setBackend(before);
  }

  async fingerprint(at: Case): Promise<string> {
    const backend = this.create(at.options);
    return JSON.stringify([backend.tfjsName, await backend.probe()]);
  }
}
