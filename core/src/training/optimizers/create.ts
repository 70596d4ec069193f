import type { OptimizerConfig } from '../../experiment/config.js';
import { adam } from './adam.js';
import { asgd } from './asgd.js';
import { momentum } from './momentum.js';
import type { Optimizer } from './optimizer.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';

/** The optimizer that a configuration names. The learning rate is not in it: the schedule gives it each epoch. */
export function createOptimizer(config: OptimizerConfig): Optimizer {
  switch (config.name) {
    case 'sgd':
      return sgd();
    case 'momentum':
      return momentum(config);
    case 'adam':
      return adam(config);
    case 'rmsprop':
      return rmsprop(config);
    case 'asgd':
      return asgd(config);
  }
}
