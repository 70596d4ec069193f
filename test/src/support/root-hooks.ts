import { useBackend } from './backend.js';

/** Every test file starts on our cpu backend, whichever backends other files import or leave behind. */
export const mochaHooks = {
  async beforeAll(): Promise<void> {
    await useBackend('cpu');
  },
};
