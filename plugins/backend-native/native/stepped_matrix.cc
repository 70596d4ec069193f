#include "stepped_matrix.h"

#include <algorithm>

#include "gemm.h"
#include "parallel.h"

namespace rnnx {
namespace {

/// Rows worked on together: few enough for their gradient to stay in a near cache, enough to use a packed operand well.
constexpr int64_t gradient_rows = 64;
/// Rows that go through a buffer on their way into a packed matrix.
constexpr int64_t packing_rows = 8;

bool only_shifts(const Chain& chain) {
  return std::all_of(chain.items, chain.items + chain.count,
                     [](const Perturbation& p) { return p.kind == PerturbationKind::shift; });
}

/// Whether the factor between the gradients of step t's matrix and of the matrix is the same for all steps.
bool same_factor(const Chain& chain) {
  return std::all_of(chain.items, chain.items + chain.count, [](const Perturbation& p) {
    return p.kind == PerturbationKind::shift || p.strides.step == 0;
  });
}

bool any_gradient(const Chain& chain) {
  return std::any_of(chain.items, chain.items + chain.count, [](const Perturbation& p) { return p.gradient != nullptr; });
}

}  // namespace

void pack_stepped(const SteppedMatrix& matrix, int64_t t, bool transposed, int64_t parts, const PackedB* packed) {
  const int64_t width = matrix.columns / parts;
  const SteppedMatrixTable& table = RNNX_TABLE(stepped_matrix_table);
  const int64_t together = transposed ? panel_width() : packing_rows;
  parallel_for((matrix.rows + together - 1) / together, 1, [&](int64_t begin, int64_t end) {
    float* const some = scratch(Scratch::stepped, together * matrix.columns);
    for (int64_t block = begin; block < end; block++) {
      const int64_t first = block * together;
      const int64_t last = std::min(matrix.rows, first + together);
      table.rows(matrix, t, first, last, some);
      for (int64_t part = 0; part < parts; part++) {
        const float* const columns = some + part * width;
        if (transposed)
          pack_panel(packed + part, block, columns, matrix.columns);
        else
          pack_rows(packed + part, first, last, columns, matrix.columns);
      }
    }
  });
}

void stepped_product(const SteppedMatrix& matrix, bool transposed, int64_t steps, int64_t batch, const float* x,
                     float* y) {
  const int64_t K = transposed ? matrix.columns : matrix.rows;
  const int64_t N = transposed ? matrix.rows : matrix.columns;
  PackedB* const packed = new_packed(K, N);
  for (int64_t t = 0; t < steps; t++) {
    pack_stepped(matrix, t, transposed, 1, packed);
    gemm_packed(batch, N, K, x + t * batch * K, K, packed, y + t * batch * N, N, false);
  }
  free_packed(packed);
}

void stepped_gradient(const SteppedMatrix& matrix, const SteppedProducts& p, float* d_matrix) {
  const SteppedMatrixTable& table = RNNX_TABLE(stepped_matrix_table);
  const int64_t columns = p.last - p.first;
  const bool values = any_gradient(matrix.chain);
  if (d_matrix != nullptr && !values && same_factor(matrix.chain)) {
    // What is added to the matrix drops out: one product over all steps.
    const auto product = [&](float* to, int64_t stride) {
      gemm(true, false, matrix.rows, columns, p.steps * p.batch, p.x, p.x_stride, p.dy, p.dy_stride, to, stride, false);
    };
    if (only_shifts(matrix.chain)) return product(d_matrix + p.first, matrix.columns);
    float* const sum = scratch(Scratch::stepped, matrix.rows * columns);
    product(sum, columns);
    for (int64_t row = 0; row < matrix.rows; row++)
      std::fill_n(d_matrix + row * matrix.columns + p.first, columns, 0.0f);
    table.rows_backward(matrix, 0, 0, matrix.rows, p.first, p.last, sum, d_matrix);
    return;
  }
  const auto block = [&](int64_t index) {
    const int64_t first = index * gradient_rows;
    const int64_t last = std::min(matrix.rows, first + gradient_rows);
    float* const d = scratch(Scratch::stepped, gradient_rows * columns);
    if (d_matrix != nullptr)
      for (int64_t row = first; row < last; row++)
        std::fill_n(d_matrix + row * matrix.columns + p.first, columns, 0.0f);
    for (int64_t t = 0; t < p.steps; t++) {
      const int64_t at = t * p.batch;
      gemm(true, false, last - first, columns, p.batch, p.x + at * p.x_stride + first, p.x_stride,
           p.dy + at * p.dy_stride, p.dy_stride, d, columns, false);
      table.rows_backward(matrix, t, first, last, p.first, p.last, d, d_matrix);
    }
  };
  const int64_t blocks = (matrix.rows + gradient_rows - 1) / gradient_rows;
  // Gradients of values that rows share are sums over blocks, in their order.
  if (values)
    for (int64_t index = 0; index < blocks; index++) block(index);
  else
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; index++) block(index);
    });
}

}  // namespace rnnx
