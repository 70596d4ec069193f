// Bundled by run.ts: one tfjs for the specs and for the backend under test.
import '@tensorflow/tfjs';
import { plugins as nativePlugins } from '@rnnx/backend-native';
import { plugins as backendPlugins } from '@rnnx/backends';
import { PluginRegistry } from '@rnnx/core';
// @ts-expect-error no types: jasmine without its command line
import jasmineRequire from 'jasmine-core/lib/jasmine-core/jasmine.js';
// @ts-expect-error an alias that run.ts resolves
import { setTestEnvs, setupTestFilters } from 'tfjs-core-jasmine';
import { exclusions } from './exclusions.js';

interface Result {
  readonly fullName: string;
  readonly status: string;
  readonly failedExpectations: readonly { readonly message: string }[];
}

const backend = process.env.RNNX_SUITE_BACKEND!;
const jasmine = jasmineRequire.core(jasmineRequire);
const env = jasmine.getEnv({ suppressLoadErrors: true });
Object.assign(globalThis, jasmineRequire.interface(jasmine, env), { jasmine });

async function main(): Promise<void> {
  const registry = new PluginRegistry([...backendPlugins, ...nativePlugins]);
  await registry.create('backend', backend).activate();
  setTestEnvs([{ name: backend, backendName: backend, isDataSync: backend !== 'webgpu' }]);
  // @ts-expect-error an alias that run.ts resolves
  await import('tfjs-core-specs');
  setupTestFilters([], (name: string) => !exclusions.some(({ pattern }) => pattern.test(name)));

  const counts = { passed: 0, failed: 0, excluded: 0 };
  const failures: Result[] = [];
  env.configure({ random: false });
  env.clearReporters();
  env.addReporter({
    specDone(result: Result) {
      if (result.status === 'passed') counts.passed++;
      else if (result.status === 'failed') {
        counts.failed++;
        failures.push(result);
      } else counts.excluded++;
    },
  });
  await env.execute();
  for (const { fullName, failedExpectations } of failures)
    console.log(`failed: ${fullName}\n  ${failedExpectations[0]?.message.split('\n')[0]}`);
  for (const { pattern, reason } of exclusions) console.log(`excluded ${pattern}: ${reason}`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.excluded} skipped`);
  process.exit(counts.failed === 0 ? 0 : 1);
}

void main();
