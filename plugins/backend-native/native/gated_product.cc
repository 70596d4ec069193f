#include "gated_product.h"

#include "gemm.h"
#include "parallel.h"

namespace rnnx {
namespace {

/// Rows below which it does not pay to wake another thread.
constexpr int64_t grain = 16;

/// Calls f(row of x, its mask for the gate) for all steps and examples.
template <class F>
void over_rows(const GatedProduct& p, int64_t gate, const F& f) {
  parallel_for(p.steps * p.batch, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++)
      f(row, p.masks.values + row / p.batch * p.masks.step + row % p.batch * p.masks.row + gate * p.masks.gate);
  });
}

/// to = from ⊙ mask, or += with `add`, one row.
void mask_row(int64_t n, const float* from, const float* mask, int64_t column, bool add, float* to) {
  if (column == 0)
    for (int64_t i = 0; i < n; i++) to[i] = (add ? to[i] : 0.0f) + from[i] * mask[0];
  else if (add)
    for (int64_t i = 0; i < n; i++) to[i] += from[i] * mask[i];
  else
    for (int64_t i = 0; i < n; i++) to[i] = from[i] * mask[i];
}

/// x ⊙ m_g.
void masked(const GatedProduct& p, int64_t gate, float* to) {
  over_rows(p, gate, [&](int64_t row, const float* mask) {
    mask_row(p.inputs, p.x + row * p.inputs, mask, p.masks.column, false, to + row * p.inputs);
  });
}

}  // namespace

void gated_product(const GatedProduct& p, float* y) {
  const int64_t rows = p.steps * p.batch;
  const int64_t columns = p.gates * p.units;
  float* const operand = scratch(Scratch::stepped, rows * p.inputs);
  for (int64_t gate = 0; gate < p.gates; gate++) {
    masked(p, gate, operand);
    gemm(false, false, rows, p.units, p.inputs, operand, p.inputs, p.weight + gate * p.units, columns,
         y + gate * p.units, columns, false);
  }
}

void gated_product_gradient(const GatedProduct& p, const float* dy, float* dx, float* d_weight) {
  const int64_t rows = p.steps * p.batch;
  const int64_t columns = p.gates * p.units;
  float* const some = scratch(Scratch::stepped, rows * p.inputs);
  for (int64_t gate = 0; gate < p.gates; gate++) {
    const float* const d = dy + gate * p.units;
    masked(p, gate, some);
    gemm(true, false, p.inputs, p.units, rows, some, p.inputs, d, columns, d_weight + gate * p.units, columns, false);
    gemm(false, true, rows, p.inputs, p.units, d, columns, p.weight + gate * p.units, columns, some, p.inputs, false);
    over_rows(p, gate, [&](int64_t row, const float* mask) {
      mask_row(p.inputs, some + row * p.inputs, mask, p.masks.column, gate > 0, dx + row * p.inputs);
    });
  }
}

}  // namespace rnnx
