import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
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

/** A driver's library, as the linker finds it. */
async function find(library: string): Promise<string | undefined> {
  if (isAbsolute(library)) return library;
  const { stdout } = await promisify(execFile)('/sbin/ldconfig', ['-p']);
  return stdout
    .split('\n')
    .find((line) => line.trim().startsWith(`${library} (`))
    ?.split(' => ')[1];
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

    it('lists several, and refuses one that has the name of another before it', async function () {
      const file = process.env.VK_DRIVER_FILES;
      if (process.platform !== 'linux' || file === undefined || file.includes(':')) this.skip();
      const folder = await mkdtemp(join(tmpdir(), 'rnnx-drivers-'));
      try {
        // The loader takes a driver twice if its file lies in two places.
        const driver = JSON.parse(await readFile(file, 'utf8')) as { ICD: { library_path: string } };
        const library = await find(driver.ICD.library_path);
        if (library === undefined) this.skip();
        driver.ICD.library_path = join(folder, 'again.so');
        await copyFile(library, driver.ICD.library_path);
        await writeFile(join(folder, 'again.json'), JSON.stringify(driver));
        process.env.VK_DRIVER_FILES = `${file}:${join(folder, 'again.json')}`;
        const first = await createWebGpu({ adapter: 0 }).probe();
        const detail = first.available ? first.detail : '';
        const [, name] = /; adapters: 0: (.+), 1: \1(;|$)/.exec(detail) ?? [];
        expect(name, detail).to.be.a('string');
        const second = await refusal(createWebGpu({ adapter: 1 }).probe());
        expect(second.reason).to.equal('adapter 1 cannot be told from another of its name');
        expect(second.remedy).to.equal(
          `adapters here: 0: ${name}, 1: ${name}; Dawn takes the first: hide it from the process to have the other`,
        );
      } finally {
        process.env.VK_DRIVER_FILES = file;
        await rm(folder, { recursive: true });
      }
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
