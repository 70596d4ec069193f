import { webGpuBackend } from '@rnnx/backend-webgpu';
import type { BackendStatus } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { createWebGpu, onWebGpu } from '../../support/webgpu.js';

async function refusal(status: Promise<BackendStatus>): Promise<{ reason: string; remedy: string }> {
  const found = await status;
  if (found.available) throw new Error(`available: ${found.detail}`);
  return found;
}

describe('choice of the GPU', () => {
  it('says that there is no driver, and refuses to start', async function () {
    if (process.platform !== 'linux') this.skip();
    const before = process.env.VK_DRIVER_FILES;
    process.env.VK_DRIVER_FILES = '/nowhere/driver.json';
    try {
      expect((await refusal(createWebGpu().probe())).reason).to.equal('no Vulkan driver is installed');
      const error = await createWebGpu({ adapter: 'not started before' })
        .activate()
        .catch((error: unknown) => error);
      expect(error).to.have.property('code', 'RNNX_BACKEND_UNAVAILABLE');
    } finally {
      if (before === undefined) delete process.env.VK_DRIVER_FILES;
      else process.env.VK_DRIVER_FILES = before;
    }
  });

  describe('where there is one', () => {
    onWebGpu();

    it('goes by name or place, and lists the names where none fits', async () => {
      const whole = await createWebGpu().probe();
      expect(await createWebGpu({ adapter: 0 }).probe()).to.deep.equal(whole);
      const wrong = await refusal(createWebGpu({ adapter: 'Voodoo' }).probe());
      expect(wrong.reason).to.equal('no adapter has "Voodoo" in its name');
      const [, name] = /^adapters here: 0: ([^,]+)/.exec(wrong.remedy)!;
      expect(await createWebGpu({ adapter: name!.slice(0, 5).toUpperCase() }).probe()).to.deep.equal(whole);
      expect((await refusal(createWebGpu({ adapter: 99 }).probe())).reason).to.equal('there is no adapter 99');
    });

    it('keeps the device and its tensors when the same is started again', async () => {
      const tensor = tf.add([1, 2], [3, 4]);
      const device = webGpuBackend();
      await createWebGpu().activate();
      expect(webGpuBackend()).to.equal(device);
      expect([...(await tensor.data())]).to.deep.equal([4, 6]);
      tensor.dispose();
    });
  });
});
