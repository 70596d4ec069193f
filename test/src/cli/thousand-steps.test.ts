import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type ExperimentInput, runExperiment } from 'rnnx';
import { tiny } from './helpers.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is held after a garbage collection. */
interface Held {
  readonly tensors: number;
  readonly tensorBytes: number;
  /** Of the JavaScript heap and of buffers outside of it. */
  readonly bytes: number;
  /** Of WebAssembly's memory, which never shrinks. */
  readonly wasmBytes: number;
}

function look(): Held {
  collectGarbage();
  const { numTensors, numBytes } = tf.memory();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const { wasm } = tf.backend() as unknown as { wasm?: { HEAPU8: Uint8Array } };
  const wasmBytes = wasm?.HEAPU8.length ?? 0;
  return { tensors: numTensors, tensorBytes: numBytes, bytes: heapUsed + arrayBuffers - wasmBytes, wasmBytes };
}

describe('memory over 1,000 steps of training', () => {
  after(() => tf.setBackend('cpu'));

  for (const backend of ['wasm', 'cpu'] as const)
    it(`does not grow: ${backend}`, async () => {
      const experiment: ExperimentInput = {
        ...tiny,
        backend,
        dataset: { name: 'grammar', trainTokens: 800, validTokens: 40, testTokens: 40 },
        regularizers: [{ name: 'noisin', spread: 0.5, learned: true }],
        training: { epochs: 26, batchSize: 5, bptt: 4, reportEvery: 40 },
      };
      const seen: Held[] = [];
      let steps = 0;
      for await (const event of runExperiment(experiment)) {
        if (event.type === 'step') seen.push(look());
        if (event.type === 'step') steps = event.globalStep;
      }
      expect(steps).to.equal(1040);
      const [first, last] = [seen[1]!, seen.at(-1)!]; // the first epoch compiles
      for (const { tensors, tensorBytes } of seen)
        expect([tensors, tensorBytes]).to.deep.equal([first.tensors, first.tensorBytes]);
      expect(last.wasmBytes).to.equal(first.wasmBytes);
      expect((last.bytes - first.bytes) / 1000, 'bytes a step').to.be.lessThan(3000);
    });
});
