import { cpu, tensorflow, wasm } from '@rnnx/backends';
import { backendContract } from '../kit/index.js';

backendContract(cpu, { valid: [{ options: {} }], invalid: [] });

backendContract(wasm, { valid: [{ options: {} }], invalid: [] });

backendContract(tensorflow, {
  valid: [{ options: {} }],
  variations: { package: ['@tensorflow/tfjs-node'] },
  invalid: [{ options: { package: 'tensorflow' }, code: 'RNNX_CONFIG_INVALID' }],
});
