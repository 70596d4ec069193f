import type { Estimate } from '../estimate.js';
import { bytes, count, duration } from './format.js';

/** For people: time, memory, speed. */
export function describeEstimate({ seconds, bytes: needed, tokensPerSecond, parameters }: Estimate): string {
  const [time, memory, speed] = [duration(seconds), bytes(needed), count(tokensPerSecond)];
  return `about ${time} and ${memory} of memory: ${count(parameters)} parameters, ${speed} tokens/s`;
}
