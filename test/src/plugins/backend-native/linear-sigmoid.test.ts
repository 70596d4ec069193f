import { onNative } from '../../support/native.js';
import { testLinearSigmoid } from '../../support/sigmoid-suite.js';

describe('output layer of Bernoullis as one native kernel', () => {
  onNative();
  testLinearSigmoid({ runs: 100 });
});
