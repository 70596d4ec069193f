#pragma once
// What gemm.cc needs from each instruction set.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

struct GemmTable {
  /// Largest tile of C held in registers: rows and columns.
  int rows;
  int columns;
  /// C[rows,columns] = A·B over k steps, plus `from` unless it is nullptr; that may be C. a: [k][rows], `stride` from one
  /// step to the next; b: [k][table.columns] packed, `columns` of them used.
  void (*tile)(int rows, int64_t columns, int64_t k, const float* a, int64_t stride, const float* b, const float* from,
               int64_t from_stride, float* c, int64_t ldc);
  /// The same with A in panels, [k / table.columns][rows][table.columns], `stride` from one panel to the next.
  void (*tile_across)(int rows, int64_t columns, int64_t k, const float* a, int64_t stride, const float* b,
                      const float* from, int64_t from_stride, float* c, int64_t ldc);
  /// [rows][k] of A (or [k][rows] where transposed) to [k][rows].
  void (*pack_a)(bool transposed, int rows, int64_t k, const float* a, int64_t lda, float* out);
  /// [k][columns] of B (or [columns][k] where transposed) to panels [k][table.columns], `step` from one to the next, zeros in
  /// the missing columns.
  void (*pack_b)(bool transposed, int64_t columns, int64_t k, const float* b, int64_t ldb, float* out, int64_t step);
  /// One row: c[columns] (+)= A·B over k steps, A's numbers `step` apart, B's rows as they lie. sums: `columns` rounded up to
  /// table.columns.
  void (*row)(int64_t columns, int64_t k, const float* a, int64_t step, const float* b, int64_t ldb, float* sums, float* c,
              bool accumulate);
};
RNNX_DECLARE_TABLE(GemmTable, gemm_table)

}  // namespace rnnx
