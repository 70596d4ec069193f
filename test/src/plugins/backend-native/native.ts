import { findAddon } from '@rnnx/backend-native';
import { onBackend } from '../../support/backend.js';

/**
 * Runs the tests of the enclosing `describe` on the native backend. Skips them where there is no addon, unless
 * RNNX_REQUIRE_NATIVE says that there must be one.
 */
export function onNative(): void {
  before(function () {
    const found = findAddon();
    if ('addon' in found) return;
    if (process.env.RNNX_REQUIRE_NATIVE) throw new Error(found.reason);
    this.skip();
  });
  onBackend('native');
}
