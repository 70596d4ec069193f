import * as tf from '@tensorflow/tfjs';
import { refusalOf } from '../common/refusal.js';
import { invariant } from '../contract.js';
import { fail } from '../outcome.js';
import { show } from '../subject.js';
import type { BackendSubject } from './subject.js';

export const probe = invariant<BackendSubject>(
  'probe',
  'says without starting whether it works here, why not and what to do, and keeps its word',
  async (subject) => {
    for (const at of subject.claims.valid) {
      const backend = subject.create(at.options);
      const before = tf.getBackend();
      const status = await backend.probe();
      if (tf.getBackend() !== before) fail(`${show(at.options)}: probing made ${tf.getBackend()} the current backend`);
      const texts = status.available ? [status.detail] : [status.reason, status.remedy];
      if (!texts.every((text) => text?.trim())) fail(`${show(at.options)}: the status lacks words: ${show(status)}`);
      if (status.available) {
        await backend.activate();
        const after = tf.getBackend();
        await tf.setBackend(before);
        if (after !== backend.tfjsName) fail(`${show(at.options)} is named ${backend.tfjsName}, and starts ${after}`);
        continue;
      }
      const error = await refusalOf(() => backend.activate());
      const after = tf.getBackend();
      if (error?.code !== 'RNNX_BACKEND_UNAVAILABLE')
        fail(`${show(at.options)} is not available, and starting it gives ${error?.code ?? 'no error'}`);
      if (after !== before) fail(`${show(at.options)}: a failed start left ${after} behind instead of ${before}`);
    }
  },
);
