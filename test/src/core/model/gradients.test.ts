import { checkAgainstReference } from '../../support/gradient-oracle.js';

describe('forward pass, loss and every gradient against double-precision central differences', checkAgainstReference);
