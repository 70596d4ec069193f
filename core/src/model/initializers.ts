import { EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';
import type { ParameterSpec } from '../contracts/parameters.js';
import { RnnxError } from '../errors.js';
import type { Rng } from '../random/rng.js';

/**
 * How a parameter starts.
 *
 * - `zeros`, `constant` (value), `uniform` in (-scale, scale), `normal` (std)
 * - `orthogonal`: rows or columns orthonormal (whichever are fewer) times gain, by QR of a Gaussian matrix; over the whole
 *   matrix, all gates together
 * - `identity`: scale · I in each gate block
 * - `sparse`: N(0, std²), all but `connections` incoming weights of each unit set to zero, then each gate block rescaled
 *   to `spectralRadius` (Sutskever et al. 2013)
 */
export type InitializerSpec =
  | { readonly name: 'zeros' }
  | { readonly name: 'constant'; readonly value: number }
  | { readonly name: 'uniform'; readonly scale: number }
  | { readonly name: 'normal'; readonly std: number }
  | { readonly name: 'orthogonal'; readonly gain: number }
  | { readonly name: 'identity'; readonly scale: number }
  | {
      readonly name: 'sparse';
      readonly connections: number;
      readonly std: number;
      readonly spectralRadius: number | null;
    };

/**
 * Values of a parameter, row by row, made on the host so that every backend starts from the same bits.
 *
 * Errors: RNNX_SHAPE_MISMATCH where the shape does not suit (a sparse or identity start of a vector, a spectral radius of
 * a block that is not square); RNNX_OPTION_CONFLICT where a sparse block has no eigenvalue to rescale.
 *
 * @param blocks gates side by side in the last dimension
 */
export function initialize(spec: InitializerSpec, shape: readonly number[], blocks: number, rng: Rng): Float32Array {
  const count = shape.reduce((product, n) => product * n, 1);
  switch (spec.name) {
    case 'zeros':
      return new Float32Array(count);
    case 'constant':
      return new Float32Array(count).fill(spec.value);
    case 'uniform':
      return rng.uniforms(count).map((u) => (2 * u - 1) * spec.scale);
    case 'normal':
      return rng.normals(count).map((n) => n * spec.std);
    case 'orthogonal':
      return orthogonal(matrixShape(spec, shape), spec.gain, rng);
    case 'identity':
      return identity(matrixShape(spec, shape), blocks, spec.scale);
    case 'sparse':
      return sparse(matrixShape(spec, shape), blocks, spec, rng);
  }
}

/**
 * Values of a declared parameter: `init`, else the model's, then the blocks that start otherwise.
 *
 * Errors: those of `initialize`, naming the parameter.
 *
 * @param fallback the model's `init`
 */
export function initializeParameter(spec: ParameterSpec, fallback: InitializerSpec, rng: Rng): Float32Array {
  const { shape, init = fallback, blocks = 1, blockInit = {} } = spec;
  const values = named(spec.name, () => initialize(init, shape, blocks, rng));
  const columns = shape.at(-1)!;
  const width = columns / blocks;
  for (const [block, blockSpec] of Object.entries(blockInit)) {
    const blockShape = [...shape.slice(0, -1), width];
    const blockValues = named(spec.name, () => initialize(blockSpec, blockShape, 1, rng.stream(`block-${block}`)));
    for (const [i, value] of blockValues.entries())
      values[Math.floor(i / width) * columns + Number(block) * width + (i % width)] = value;
  }
  return values;
}

function named<T>(parameter: string, start: () => T): T {
  try {
    return start();
  } catch (error) {
    if (!(error instanceof RnnxError)) throw error;
    const { message, details, code } = error;
    throw new RnnxError(code, `Parameter "${parameter}": ${message.split('\n')[0]}`, details);
  }
}

type Size = readonly [rows: number, columns: number];

function matrixShape(spec: InitializerSpec, shape: readonly number[]): Size {
  if (shape.length !== 2) refuse(spec, shape, 'a matrix');
  return [shape[0]!, shape[1]!];
}

function refuse(spec: InitializerSpec, shape: readonly number[], expected: string): never {
  throw new RnnxError('RNNX_SHAPE_MISMATCH', `Initialiser "${spec.name}" does not suit this parameter`, {
    got: `[${shape.join(', ')}]`,
    expected,
    remedy:
      'leave model.init to what suits every parameter, such as uniform, and give this one to matrices alone: ' +
      'model.cell.recurrentInit, model.embeddingInit and their like',
  });
}

function orthogonal([rows, columns]: Size, gain: number, rng: Rng): Float32Array {
  const [tall, small] = rows >= columns ? [rows, columns] : [columns, rows];
  const gaussian = Matrix.from1DArray(tall, small, rng.normals(tall * small));
  const { orthogonalMatrix: q, upperTriangularMatrix: r } = new QrDecomposition(gaussian);
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < tall; i++)
    for (let j = 0; j < small; j++) {
      // The sign of R's diagonal makes the distribution uniform over orthogonal matrices (Mezzadri 2007).
      const value = gain * q.get(i, j) * (r.get(j, j) < 0 ? -1 : 1);
      values[rows >= columns ? i * columns + j : j * columns + i] = value;
    }
  return values;
}

function identity([rows, columns]: Size, blocks: number, scale: number): Float32Array {
  const width = columns / blocks;
  const values = new Float32Array(rows * columns);
  for (let block = 0; block < blocks; block++)
    for (let i = 0; i < Math.min(rows, width); i++) values[i * columns + block * width + i] = scale;
  return values;
}

function sparse(
  [rows, columns]: Size,
  blocks: number,
  spec: Extract<InitializerSpec, { name: 'sparse' }>,
  rng: Rng,
): Float32Array {
  const values = rng.normals(rows * columns).map((n) => n * spec.std);
  for (let j = 0; j < columns; j++) {
    const kept = new Set(rng.stream(`column-${j}`).permutation(rows).subarray(0, spec.connections));
    for (let i = 0; i < rows; i++) if (!kept.has(i)) values[i * columns + j] = 0;
  }
  if (spec.spectralRadius === null) return values;
  const width = columns / blocks;
  if (rows !== width) refuse(spec, [rows, columns], `square gate blocks, or "spectralRadius": null`);
  for (let block = 0; block < blocks; block++) {
    const at = (i: number, j: number) => i * columns + block * width + j;
    const radius = spectralRadius(rows, (i, j) => values[at(i, j)]!);
    if (radius < 1e-12)
      throw new RnnxError('RNNX_OPTION_CONFLICT', 'A sparse matrix has spectral radius 0 and cannot be rescaled', {
        got: `${spec.connections} connections a unit, ${rows} units`,
        expected: 'enough connections for a cycle',
        remedy: 'raise "connections"',
      });
    for (let i = 0; i < rows; i++) for (let j = 0; j < width; j++) values[at(i, j)]! *= spec.spectralRadius / radius;
  }
  return values;
}

/** Largest modulus of the eigenvalues of a square matrix. */
export function spectralRadius(size: number, entry: (row: number, column: number) => number): number {
  const matrix = new Matrix(size, size);
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) matrix.set(i, j, entry(i, j));
  const { realEigenvalues, imaginaryEigenvalues } = new EigenvalueDecomposition(matrix, { assumeSymmetric: false });
  return Math.max(...realEigenvalues.map((real, i) => Math.hypot(real, imaginaryEigenvalues[i]!)));
}
