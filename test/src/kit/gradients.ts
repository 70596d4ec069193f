import { createRng, type Rng } from '@rnnx/core';
import * as tf from '@tensorflow/tfjs';
import { fail } from './outcome.js';
import { type Rig, read } from './rig.js';

/**
 * Relative to the gradient's norm. Float32 leaves about 1e-3 of a difference quotient at the steps below; a missing factor or
 * term shows as 1e-1 and more.
 */
export const gradientTolerance = 2e-2;

/** Of the loss; below it a difference of two losses is rounding. */
const rounding = 3e-4;

/** Lengths of the step in weight space. The best one counts: long ones err by curvature, short ones by rounding. */
const stepLengths = [0.05, 0.2, 0.01] as const;

/**
 * The gradient of every parameter against directional differences of the whole loss, with the same noise on either side. The
 * direction is that of the gradient with as much of a random one mixed in, so that wrong factors and wrong components show.
 *
 * @param what for messages
 * @param required names of parameters whose gradient must not be zero
 */
export async function checkGradients(rig: Rig, what: string, required: readonly string[] = []): Promise<void> {
  const rng = createRng(50);
  const { gradients, loss } = await rig.train(rng);
  for (const [name, gradient] of gradients) {
    const norm = Math.hypot(...gradient);
    if (!Number.isFinite(norm)) fail(`${what}: the gradient of ${name} is not finite`);
    if (norm === 0 && required.includes(name)) fail(`${what}: ${name} gets no gradient`);
    const direction = mix(gradient, norm, createRng(51).stream(name));
    const expected = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
    const allowed = gradientTolerance * norm + rounding * Math.max(1, Math.abs(loss));
    let best = Number.POSITIVE_INFINITY;
    for (const length of stepLengths) {
      const slope = await difference(rig, rng, name, direction, length);
      if (Math.abs(slope - expected) < Math.abs(best - expected)) best = slope;
      if (Math.abs(best - expected) <= allowed) break;
    }
    if (!(Math.abs(best - expected) <= allowed))
      fail(
        `${what}: the gradient of ${name} says that the loss changes by ${expected.toPrecision(4)} along a direction, ` +
          `differences say ${best.toPrecision(4)}`,
      );
  }
}

/** A direction of length 1. */
function mix(gradient: Float32Array, norm: number, rng: Rng): Float32Array {
  const noise = rng.normals(gradient.length);
  const length = Math.hypot(...noise) || 1;
  const mixed = noise.map((value, i) => value / length + (norm === 0 ? 0 : gradient[i]! / norm));
  const total = Math.hypot(...mixed);
  // One element whose noise points the other way cancels.
  return total < 0.1 ? noise.map((value) => value / length) : mixed.map((value) => value / total);
}

/** Five-point difference quotient of the loss along a direction. */
async function difference(rig: Rig, rng: Rng, name: string, direction: Float32Array, length: number): Promise<number> {
  const weight = rig.weights[name]!;
  const lossAt = async (distance: number): Promise<number> => {
    const moved = tf.tidy(() =>
      tf.add(
        weight,
        tf.tensor(
          direction.map((d) => d * distance),
          weight.shape,
        ),
      ),
    );
    const result = rig.trainOnce(rng, { ...rig.weights, [name]: moved });
    const [loss] = await read(result.loss);
    tf.dispose([moved, result] as never);
    return loss!;
  };
  const near = ((await lossAt(length / 2)) - (await lossAt(-length / 2))) / length;
  const far = ((await lossAt(length)) - (await lossAt(-length))) / (2 * length);
  return (4 * near - far) / 3;
}
