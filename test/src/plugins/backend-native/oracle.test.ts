import { checkAgainstReference } from '../../support/gradient-oracle.js';
import { onNative } from '../../support/native.js';

describe('native backend, every gradient against double-precision central differences', () => {
  onNative();
  checkAgainstReference();
});
