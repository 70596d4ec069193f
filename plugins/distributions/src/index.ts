import type { AnyPlugin } from '@rnnx/core';
import { bernoulli } from './bernoulli.js';
import { beta } from './beta.js';
import { chiSquare } from './chi-square.js';
import { gamma } from './gamma.js';
import { gaussian } from './gaussian.js';
import { gumbel } from './gumbel.js';
import { laplace } from './laplace.js';
import { logistic } from './logistic.js';

export type { BernoulliOptions } from './bernoulli.js';
export type { BetaOptions } from './beta.js';
export type { ChiSquareOptions } from './chi-square.js';
export type { GammaOptions } from './gamma.js';
export { bernoulli, beta, chiSquare, gamma, gaussian, gumbel, laplace, logistic };

/** The eight distributions of the NOISIN paper, in the order of its tables. */
export const plugins: readonly AnyPlugin[] = [gaussian, logistic, laplace, gamma, bernoulli, gumbel, beta, chiSquare];

export default plugins;
