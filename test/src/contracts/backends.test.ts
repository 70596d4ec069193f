import nativeBackends from '@rnnx/backend-native';
import { webgpu } from '@rnnx/backend-webgpu';
import { cpu, tensorflow, wasm } from '@rnnx/backends';
import { backendContract } from '../kit/index.js';

backendContract(cpu, { valid: [{ options: {} }], invalid: [] });

backendContract(wasm, { valid: [{ options: {} }], invalid: [] });

backendContract(tensorflow, {
  valid: [{ options: {} }],
  variations: { package: ['@tensorflow/tfjs-node'] },
  invalid: [{ options: { package: 'tensorflow' }, code: 'RNNX_CONFIG_INVALID' }],
});

for (const plugin of nativeBackends)
  backendContract(plugin, {
    valid: [{ options: {} }],
    variations: { threads: [1, 2] },
    invalid: [{ options: { threads: 0.5 }, code: 'RNNX_CONFIG_INVALID' }],
  });

backendContract(webgpu, {
  valid: [{ options: {} }],
  variations: { adapter: ['no adapter of that name', 99], powerPreference: ['low-power'], matmul: ['f16', 'f16-sums'] },
  invalid: [
    { options: { adapter: -1 }, code: 'RNNX_CONFIG_INVALID' },
    { options: { adapter: '' }, code: 'RNNX_CONFIG_INVALID' },
    { options: { matmul: 'f64' }, code: 'RNNX_CONFIG_INVALID' },
    { options: { powerPreference: 'highest' }, code: 'RNNX_CONFIG_INVALID' },
  ],
});
