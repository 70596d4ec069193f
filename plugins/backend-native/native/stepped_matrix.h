#pragma once
// A matrix that differs from step to step: one matrix through a chain of perturbations, some of them drawn a step. The
// matrices of the steps, as many as steps, are never in memory together.

#include <cstdint>

#include "dispatch.h"
#include "sequence.h"

namespace rnnx {

struct PackedB;

/// In the strides of the chain's values a row is one of the matrix.
struct SteppedMatrix {
  int64_t rows, columns;
  const float* values;  // [rows, columns]
  Chain chain;
  /// Whether the chain gives every step its own.
  bool stepped() const { return chain.count > 0; }
};

struct SteppedMatrixTable {
  /// Rows [begin, end) of step t's matrix, side by side in `out`.
  void (*rows)(const SteppedMatrix&, int64_t t, int64_t begin, int64_t end, float* out);
  /// From the gradient `d` [end - begin, last - first] of those rows and columns [first, last) of step t's matrix: adds that
  /// of the matrix to `target` [rows, columns] unless it is null, and those of values to where the chain says.
  void (*rows_backward)(const SteppedMatrix&, int64_t t, int64_t begin, int64_t end, int64_t first, int64_t last,
                        const float* d, float* target);
};
RNNX_DECLARE_TABLE(SteppedMatrixTable, stepped_matrix_table)

/// Packs step t's matrix for products with `parts` ranges of columns side by side, each into its own of `packed`
/// (rows by columns / parts; transposed: columns / parts by rows). Runs on all threads.
void pack_stepped(const SteppedMatrix& matrix, int64_t t, bool transposed, int64_t parts, const PackedB* packed);

/// y_t = x_t · M_t, or x_t · M_tᵀ transposed, for rows of x side by side, `batch` a step: [steps * batch, rows] to
/// [steps * batch, columns], or back.
void stepped_product(const SteppedMatrix& matrix, bool transposed, int64_t steps, int64_t batch, const float* x, float* y);

/// The products y_t = x_t · M_t over which the gradients add up.
struct SteppedProducts {
  int64_t steps, batch;
  const float* x;  // row b of step t at (t * batch + b) * x_stride: as many columns as the matrix has rows
  int64_t x_stride;
  const float* dy;  // row b of step t at (t * batch + b) * dy_stride: of columns [first, last) of the product
  int64_t dy_stride;
  int64_t first, last;
};

/// Sets columns [first, last) of `d_matrix` to the matrix's gradient, unless it is null, and adds to the values' gradients.
void stepped_gradient(const SteppedMatrix& matrix, const SteppedProducts& products, float* d_matrix);

}  // namespace rnnx
