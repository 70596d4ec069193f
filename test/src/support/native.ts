import { findAddon } from '@rnnx/backend-native';
import { useBackend } from './backend.js';

/** Runs the tests of the enclosing `describe` on the native backend, or skips them and says so where it is not built. */
export function onNative(): void {
  before(async function () {
    const found = findAddon();
    if ('reason' in found) {
      console.warn(`      skipped, the native backend is not here: ${found.reason}`);
      this.skip();
    }
    await useBackend('native');
  });
  after(async () => {
    await useBackend('cpu');
  });
}

export { countFused } from './fused.js';
