/** The product of `[m, k]` and `[k, n]` in double precision; `ta`, `tb`: given transposed. */
export function reference(
  a: Float32Array,
  b: Float32Array,
  [m, k, n]: readonly [number, number, number],
  ta: boolean,
  tb: boolean,
) {
  const product = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const x = a[ta ? p * m + i : i * k + p]!;
      for (let j = 0; j < n; j++) product[i * n + j]! += x * b[tb ? j * k + p : p * n + j]!;
    }
  return product;
}

/** Names of the kernels that the work starts. */
export function kernelsOf<T>(work: () => T): { names: string[]; result: T } {
  const { prototype } = (globalThis as unknown as { GPUComputePassEncoder: { prototype: Record<string, unknown> } })
    .GPUComputePassEncoder;
  const original = prototype.setPipeline as (pipeline: { label: string }) => void;
  const names: string[] = [];
  prototype.setPipeline = function (pipeline: { label: string }) {
    names.push(pipeline.label);
    return original.call(this, pipeline);
  };
  try {
    return { result: work(), names };
  } finally {
    prototype.setPipeline = original;
  }
}
