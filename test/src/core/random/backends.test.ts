import { createRng, PluginRegistry } from '@rnnx/core';
import { plugins } from '@rnnx/distributions';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { expect } from 'chai';

/** Every kind of draw, named, as made on the backend that is active now. */
async function draws(): Promise<Map<string, Uint32Array>> {
  const rng = createRng(5).stream('backends');
  const registry = new PluginRegistry(plugins);
  const tensors = new Map([
    ['uniform', rng.uniform([7, 11])],
    ['normal', rng.normal([7, 11])],
    ['bernoulli', rng.bernoulli([7, 11], 0.3)],
    ...plugins.map(
      ({ name }) => [`noise ${name}`, registry.create('noise', name).sample([7, 11], rng.stream(name), 0.8)] as const,
    ),
  ]);
  const bits = new Map<string, Uint32Array>();
  for (const [name, tensor] of tensors) {
    bits.set(name, new Uint32Array(Float32Array.from(await tensor.data()).buffer));
    tensor.dispose();
  }
  return bits;
}

describe('the same seed gives the same bits on each CPU backend', () => {
  let active: string;
  let cpu: Map<string, Uint32Array>;
  let wasm: Map<string, Uint32Array>;

  before(async () => {
    active = tf.getBackend();
    for (const name of ['cpu', 'wasm']) expect(await tf.setBackend(name), `backend ${name} starts`).to.equal(true);
    expect(tf.getBackend()).to.equal('wasm');
    wasm = await draws();
    await tf.setBackend('cpu');
    cpu = await draws();
  });

  after(async () => {
    await tf.setBackend(active || 'cpu');
  });

  for (const name of ['uniform', 'normal', 'bernoulli', ...plugins.map((plugin) => `noise ${plugin.name}`)])
    it(name, () => {
      expect(cpu.get(name)).to.have.length(77);
      expect(wasm.get(name)).to.deep.equal(cpu.get(name));
    });
});
