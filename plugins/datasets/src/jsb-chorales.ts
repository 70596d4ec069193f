import { definePlugin } from '@rnnx/core';
import {
  type MusicCorpus,
  type PolyphonicOptions,
  PolyphonicProvider,
  polyphonicPaper,
  polyphonicSchema,
} from './polyphonic.js';

const corpus: MusicCorpus = {
  name: 'jsb-chorales',
  title: 'JSB Chorales',
  files: [
    {
      name: 'JSB_Chorales.mat',
      format: 'mat',
      sha256: 'ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4',
    },
    { name: 'JSB Chorales.pickle', format: 'pickle' },
    {
      name: 'jsb-chorales-quarter.pkl',
      format: 'pickle',
      sha256: 'be67b1e1d0ea22a0c64eb72db53a83dae65650a7b470ca09a34a1e43a3fb4405',
    },
    {
      name: 'jsb-chorales-quarter.json',
      format: 'json',
      sha256: '2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91',
    },
  ],
};

/**
 * JSB Chorales: 382 chorales by J. S. Bach in quarter notes; 13,807 / 4,602 / 4,725 steps in train, valid and test.
 * Options, metric, forms and errors: see `PolyphonicProvider`.
 */
export const jsbChorales = definePlugin<'dataset', PolyphonicOptions>({
  kind: 'dataset',
  name: 'jsb-chorales',
  summary: 'JSB Chorales, piano rolls of 88 notes: 229 chorales by Bach for training',
  core: '^0.1.0',
  paper: polyphonicPaper,
  schema: polyphonicSchema,
  create: (options) => new PolyphonicProvider(corpus, options),
});
