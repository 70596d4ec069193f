#include "gemm_sparse.h"
#include "simd.h"

namespace rnnx::RNNX_ISA {

constexpr int vectors = width == 16 ? 4 : 8;
constexpr int64_t panel = vectors * width;
/// Rows of B that are fetched before they are needed.
constexpr int64_t ahead = 8;

/// Calls f(offset, lanes) for the vectors of n columns.
template <class F>
RNNX_INLINE void each(int64_t n, const F& f) {
  for (int64_t i = 0; i < n; i += width) f(i, n - i < width ? n - i : width);
}

static void gather(int64_t columns, int64_t count, const int32_t* column, const float* value, const float* B, int64_t ldb,
                   float* c, bool accumulate) {
  int64_t begin = 0;
  for (; begin + panel <= columns; begin += panel) {
    vf sum[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) sum[v] = vf{};
    for (int64_t i = 0; i < count; i++) {
      const float* const row = B + column[i] * ldb + begin;
      const vf x = splat(value[i]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; v++) sum[v] = fma(x, load(row + v * width), sum[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
      float* const to = c + begin + v * width;
      store(to, accumulate ? load(to) + sum[v] : sum[v]);
    }
  }
  each(columns - begin, [&](int64_t offset, int64_t lanes) {
    vf sum = {};
    for (int64_t i = 0; i < count; i++)
      sum = fma(splat(value[i]), load_part(B + column[i] * ldb + begin + offset, lanes), sum);
    float* const to = c + begin + offset;
    store_part(to, accumulate ? load_part(to, lanes) + sum : sum, lanes);
  });
}

static void scatter(const SparseRows& A, int64_t begin, int64_t end, int64_t rows, const float* B, int64_t ldb,
                    int64_t columns, float* sums) {
  for (int64_t i = 0; i < rows * panel; i += width) store(sums + i, vf{});
  for (int64_t k = begin; k < end; k++) {
    const int32_t first = A.start[k], last = A.start[k + 1];
    // A panel's part of a row is short, and the next row's lies far from it.
    if (k + ahead < end)
      for (int64_t i = 0; i < columns; i += 16) __builtin_prefetch(B + (k + ahead) * ldb + i);
    if (first == last) continue;
    vf b[vectors] = {};
    each(columns, [&](int64_t offset, int64_t lanes) { b[offset / width] = load_part(B + k * ldb + offset, lanes); });
    for (int32_t i = first; i < last; i++) {
      float* const to = sums + A.column[i] * panel;
      const vf x = splat(A.value[i]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; v++) store(to + v * width, fma(x, b[v], load(to + v * width)));
    }
  }
}

static void add(int64_t rows, int64_t columns, const float* sums, float* C, int64_t ldc, bool accumulate) {
  for (int64_t r = 0; r < rows; r++, sums += panel, C += ldc)
    each(columns, [&](int64_t offset, int64_t lanes) {
      const vf sum = load(sums + offset);
      store_part(C + offset, accumulate ? load_part(C + offset, lanes) + sum : sum, lanes);
    });
}

extern const SparseTable sparse_table;
const SparseTable sparse_table = {panel, gather, scatter, add};

}  // namespace rnnx::RNNX_ISA
