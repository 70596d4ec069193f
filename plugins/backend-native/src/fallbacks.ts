/** Tensors up to this many elements are cheap wherever they are computed. */
const large = 10_000;

export interface Fallback {
  /** Name of tfjs's kernel. */
  readonly kernel: string;
  readonly calls: number;
  /** Elements of the largest input of each call, added up. */
  readonly elements: number;
}

const counts = new Map<string, { calls: number; elements: number }>();

/**
 * Work on tensors of more than 10,000 elements that this process did in JavaScript because no native kernel covers it,
 * most elements first. A model whose training is listed here is slower than it need be.
 */
export function fallbacks(): Fallback[] {
  return [...counts]
    .map(([kernel, count]) => ({ kernel, ...count }))
    .sort((left, right) => right.elements - left.elements);
}

/** Starts counting anew. */
export function resetFallbacks(): void {
  counts.clear();
}

/** @param inputs a kernel's inputs: tensors, or lists of them, by name */
export function countFallback(kernel: string, inputs: unknown): void {
  const elements = largest(inputs);
  if (elements <= large) return;
  const count = counts.get(kernel) ?? { calls: 0, elements: 0 };
  count.calls += 1;
  count.elements += elements;
  counts.set(kernel, count);
}

function largest(inputs: unknown): number {
  if (typeof inputs !== 'object' || inputs === null) return 0;
  if ('dataId' in inputs && 'shape' in inputs)
    return (inputs.shape as number[]).reduce((product, length) => product * length, 1);
  return Object.values(inputs).reduce<number>((most, input) => Math.max(most, largest(input)), 0);
}
