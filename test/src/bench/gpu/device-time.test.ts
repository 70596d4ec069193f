import { webGpuBackend } from '@rnnx/backend-webgpu';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { onWebGpu } from '../../support/webgpu.js';
import { deviceTime } from './device-time.js';

describe('the time on the device', function () {
  this.timeout(60_000); // software drivers compile every kernel for the processor
  onWebGpu();

  const products = async (count: number) => {
    const x = tf.fill([640, 256], 0.5);
    const read = tf.tidy(() => {
      let sum: tf.Tensor = tf.scalar(0);
      for (let i = 0; i < count; i++) sum = tf.add(sum, tf.sum(tf.matMul(x, x, false, true)));
      return sum;
    });
    await read.data();
    tf.dispose([x, read]);
  };

  it('grows with the work and stays within the time that it took', async () => {
    const { device } = webGpuBackend()!;
    if (!device.features.has('timestamp-query')) return;
    await products(1);
    expect(await deviceTime(device, async () => undefined)).to.equal(0);
    const few = (await deviceTime(device, () => products(2)))!;
    const start = performance.now();
    const many = (await deviceTime(device, () => products(20)))!;
    expect(few).to.be.greaterThan(0);
    expect(many).to.be.within(3 * few, performance.now() - start);
    await products(1); // as before
  });

  it('is unknown where the device has no clock, or there are more passes than can be timed', async () => {
    const { device } = webGpuBackend()!;
    const without = { features: new Set() } as unknown as GPUDevice;
    expect(await deviceTime(without, () => products(1))).to.equal(undefined);
    const passes = async () => {
      const encoder = device.createCommandEncoder();
      for (let i = 0; i < 2049; i++) encoder.beginComputePass().end();
      encoder.finish();
    };
    expect(await deviceTime(device, passes)).to.equal(undefined);
  });
});
