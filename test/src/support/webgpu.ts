import { webgpu } from '@rnnx/backend-webgpu';
import { type Backend, PluginRegistry } from '@rnnx/core';
import { useBackend } from './backend.js';

export function createWebGpu(options: Record<string, unknown> = {}): Backend {
  return new PluginRegistry([webgpu]).create('backend', { name: 'webgpu', ...options });
}

/** Runs the tests of the enclosing `describe` on the webgpu backend, or skips them and says so where no adapter is. */
export function onWebGpu(): void {
  before(async function () {
    const status = await createWebGpu().probe();
    if (!status.available) {
      console.warn(`      skipped, there is no WebGPU adapter: ${status.reason}`);
      this.skip();
    }
    await createWebGpu().activate();
  });
  after(async () => {
    await useBackend('cpu');
  });
}
