/** Tensors up to this many elements are cheap wherever they are computed. */
const large = 10_000;

export interface Fallback {
  /** Name of tfjs's kernel. */
  readonly kernel: string;
  readonly calls: number;
  /** Elements of the largest input or output of each call, added up. */
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

/** @param tensors a kernel's inputs and outputs: tensors, or lists of them, perhaps by name */
export function countFallback(kernel: string, tensors: unknown): void {
  const elements = largest(tensors);
  if (elements <= large) return;
  const count = counts.get(kernel) ?? { calls: 0, elements: 0 };
  count.calls += 1;
  count.elements += elements;
  counts.set(kernel, count);
}

function largest(tensors: unknown): number {
  if (typeof tensors !== 'object' || tensors === null) return 0;
  if ('dataId' in tensors && 'shape' in tensors)
    return (tensors.shape as number[]).reduce((product, length) => product * length, 1);
  return Object.values(tensors).reduce<number>((most, each) => Math.max(most, largest(each)), 0);
}
