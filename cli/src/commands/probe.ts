import type { BackendStatus, PluginRegistry } from '@rnnx/core';

/** Whether a backend works here; one that cannot be made without options counts as not working. */
export async function probeBackend(registry: PluginRegistry, name: string): Promise<BackendStatus> {
  try {
    return await registry.create('backend', name).probe();
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]!;
    return { available: false, reason, remedy: 'give its options in the configuration' };
  }
}
