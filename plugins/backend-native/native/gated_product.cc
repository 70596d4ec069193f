#include "gated_product.h"

#include <algorithm>

#include "gemm.h"
#include "gemm_sparse.h"
#include "parallel.h"
#include "stepped_matrix.h"

namespace rnnx {
namespace {

/// Rows of an operand that are made together for a product of its transpose: some tens of kilobytes.
constexpr int64_t rows_together = 16;

int64_t parts(int64_t total, int64_t most) { return (total + most - 1) / most; }

/// Calls f(step's matrix, step, first example, last example, rows before them) for rows [begin, end) of steps one after another.
template <class F>
void over_steps(const GatedOperand& x, int64_t k, int64_t begin, int64_t end, const F& f) {
  for (int64_t row = begin; row < end;) {
    const int64_t t = row / x.batch, first = row % x.batch;
    const int64_t last = std::min(x.batch, first + end - row);
    f(SteppedMatrix{x.batch, x.inputs, x.values + t * x.batch * x.inputs, x.chains[k]}, t, first, last, row - begin);
    row += last - first;
  }
}

/// Rows [begin, end) of x_k.
void make_rows(const GatedOperand& x, int64_t k, int64_t begin, int64_t end, float* out) {
  over_steps(x, k, begin, end, [&](const SteppedMatrix& m, int64_t t, int64_t first, int64_t last, int64_t before) {
    RNNX_TABLE(stepped_matrix_table).rows(m, t, first, last, out + before * x.inputs);
  });
}

/// Where few numbers of x are not zero, gemm multiplies only those unless a shift fills them: `product` for each operand in
/// memory.
template <class F>
bool sparse_products(const GatedOperand& x, const F& product) {
  const int64_t rows = x.steps * x.batch;
  if (!gemm_may_be_sparse(rows, x.inputs, x.values, x.inputs)) return false;
  float* const operand = scratch(Scratch::stepped, rows * x.inputs);
  for (int64_t k = 0; k < x.count; k++) {
    parallel_for(rows, rows_together,
                 [&](int64_t begin, int64_t end) { make_rows(x, k, begin, end, operand + begin * x.inputs); });
    product(k, operand);
  }
  return true;
}

}  // namespace

void gated_product(const GatedOperand& x, const SideBySide<const float>& weight, const SideBySide<float>& y) {
  const int64_t M = x.steps * x.batch, K = x.inputs;
  const bool done = sparse_products(x, [&](int64_t k, const float* operand) {
    gemm(false, false, M, y.columns, K, operand, K, weight.data + k * weight.columns, weight.stride,
         y.data + k * y.columns, y.stride, false);
  });
  if (done) return;
  float* const packed = scratch(Scratch::gemm_a, x.count * packed_a_floats(M, K));
  const int64_t tiles = row_tiles(M);
  parallel_for(x.count * tiles, 1, [&](int64_t begin, int64_t end) {
    float* const some = scratch(Scratch::stepped, tile_row(M, 1) * K);
    for (int64_t piece = begin; piece < end; piece++) {
      const int64_t k = piece / tiles, tile = piece % tiles;
      make_rows(x, k, tile_row(M, tile), tile + 1 == tiles ? M : tile_row(M, tile + 1), some);
      pack_a_tile(M, K, tile, some, K, packed + k * packed_a_floats(M, K));
    }
  });
  gemm_side_by_side(x.count, M, y.columns, K, packed, weight.data, weight.stride, y.data, y.stride);
}

void gated_product_gradient(const GatedOperand& x, const SideBySide<const float>& dy, const SideBySide<float>& d_weight) {
  const int64_t M = x.inputs, K = x.steps * x.batch;
  const bool done = sparse_products(x, [&](int64_t k, const float* operand) {
    gemm(true, false, M, dy.columns, K, operand, M, dy.data + k * dy.columns, dy.stride,
         d_weight.data + k * d_weight.columns, d_weight.stride, false);
  });
  if (done) return;
  float* const packed = scratch(Scratch::gemm_a, x.count * packed_a_floats(M, K));
  const int64_t blocks = parts(K, rows_together);
  parallel_for(x.count * blocks, 1, [&](int64_t begin, int64_t end) {
    float* const some = scratch(Scratch::stepped, rows_together * M);
    for (int64_t piece = begin; piece < end; piece++) {
      const int64_t k = piece / blocks, first = piece % blocks * rows_together;
      const int64_t last = std::min(K, first + rows_together);
      make_rows(x, k, first, last, some);
      pack_a_steps(M, K, first, last, some, M, packed + k * packed_a_floats(M, K));
    }
  });
  gemm_side_by_side(x.count, M, dy.columns, K, packed, dy.data, dy.stride, d_weight.data, d_weight.stride);
}

void gated_operand_gradient(const GatedOperand& x, const SideBySide<const float>& weight, const SideBySide<const float>& dy,
                            float* dx) {
  const int64_t M = x.steps * x.batch, N = x.inputs, K = dy.columns;
  float* const packed = scratch(Scratch::gemm_a, x.count * packed_a_floats(M, K));
  const int64_t tiles = row_tiles(M);
  parallel_for(x.count * tiles, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; piece++) {
      const int64_t k = piece / tiles, tile = piece % tiles;
      pack_a_tile(M, K, tile, dy.data + k * dy.columns + tile_row(M, tile) * dy.stride, dy.stride,
                  packed + k * packed_a_floats(M, K));
    }
  });
  // Of some rows and panels, all gates one after another: what a gate gives goes through its chain from a near cache.
  const int64_t panels = panel_count(N), together = tiles_together(M, panels), chunks = parts(tiles, together);
  parallel_for(chunks * panels, 1, [&](int64_t begin, int64_t end) {
    float* const some = scratch(Scratch::stepped, together * tile_row(M, 1) * group_panels * panel_width());
    while (begin < end) {
      const int64_t panel = begin % panels, chunk = begin / panels;
      const int64_t panel_end = std::min({panels, panel + group_panels, panel + end - begin});
      const int64_t tile_begin = chunk * together, tile_end = std::min(tiles, tile_begin + together);
      const int64_t row_begin = tile_row(M, tile_begin), row_end = tile_end == tiles ? M : tile_row(M, tile_end);
      const int64_t first = panel * panel_width(), last = std::min(N, panel_end * panel_width());
      for (int64_t row = row_begin; row < row_end; row++) std::fill(dx + row * N + first, dx + row * N + last, 0.0f);
      for (int64_t k = 0; k < x.count; k++) {
        gemm_tiles(M, K, packed + k * packed_a_floats(M, K), tile_begin, tile_end, true, N, weight.data + k * weight.columns,
                   weight.stride, panel, panel_end, some - row_begin * (last - first) - first, last - first);
        over_steps(x, k, row_begin, row_end,
                   [&](const SteppedMatrix& m, int64_t t, int64_t from, int64_t to, int64_t before) {
                     RNNX_TABLE(stepped_matrix_table)
                         .rows_backward(m, t, from, to, first, last, some + before * (last - first), dx + t * x.batch * N);
                   });
      }
      begin += panel_end - panel;
    }
  });
}

}  // namespace rnnx
