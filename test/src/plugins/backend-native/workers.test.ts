import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { onNative } from '../../support/native.js';
import { train } from './worker.js';

const updates = 60;

function inWorker(seed: number): Promise<Awaited<ReturnType<typeof train>>> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { seed, updates } });
    let result: Awaited<ReturnType<typeof train>>;
    worker.once('message', (message) => {
      result = message;
    });
    worker.once('error', reject);
    worker.once('exit', (code) => (code === 0 ? resolve(result) : reject(new Error(`the worker ended with ${code}`))));
  });
}

describe('native backend in worker threads', () => {
  onNative();

  it('trains two models at once, each as alone, while the main thread trains a third', async () => {
    const alone = [await train(1, updates), await train(2, updates), await train(3, updates)];
    expect(alone[0]!.losses).to.not.deep.equal(alone[1]!.losses);
    for (const { losses } of alone) expect(losses.at(-1), 'it learns').to.be.below(losses[0]!);
    const together = await Promise.all([inWorker(1), inWorker(2), train(3, updates)]);
    expect(together).to.deep.equal(alone);
  });

  it('outlives workers that are stopped in the middle of a computation', async () => {
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { seed: i, updates: 100_000 } });
      await new Promise((resolve) => setTimeout(resolve, 1500 + 50 * i));
      await worker.terminate();
    }
    expect((await train(1, 3)).losses).to.have.length(3);
  });
});
