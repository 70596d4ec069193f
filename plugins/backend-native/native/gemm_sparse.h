#pragma once
// Matrix products by the numbers of A that are not zero: piano rolls and other frames of 0 and 1 have few. The bits are
// those of gemm: a chain of multiply-adds is not changed by the zeros in it, as long as B is finite.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

/// C = op(A)[M,K] · B[K,N], or C += with `accumulate`, as in gemm.h; with `bias` [N] (then transA is false and `accumulate`
/// true) each row of C begins as that. False, and nothing done, where A is small or has more numbers than pay, or B has one
/// that is not finite. `block_steps` is gemm's: steps of k that are added up before they go to C, in blocks that differ by
/// one at most, larger first. Runs on all threads.
bool gemm_sparse(bool transA, int64_t M, int64_t N, int64_t K, int64_t block_steps, const float* A, int64_t lda,
                 const float* B, int64_t ldb, const float* bias, float* C, int64_t ldc, bool accumulate);

/// Whether gemm_sparse would look for zeros in A [rows, columns] as stored, and some rows of it have as few numbers as pay.
bool gemm_may_be_sparse(int64_t rows, int64_t columns, const float* A, int64_t lda);

/// The numbers of a matrix that are not zero, row by row: those of row i are at start[i] .. start[i + 1] - 1.
struct SparseRows {
  const int32_t* start;
  const int32_t* column;
  const float* value;
};

struct SparseTable {
  /// Columns of B that are worked on together.
  int64_t panel;
  /// c[columns] (+)= Σ value[i] · B[column[i]], i < count.
  void (*gather)(int64_t columns, int64_t count, const int32_t* column, const float* value, const float* B, int64_t ldb,
                 float* c, bool accumulate);
  /// sums[rows of Aᵀ, panel] = Aᵀ · B over the rows [begin, end) of both; columns at most `panel`.
  void (*scatter)(const SparseRows& A, int64_t begin, int64_t end, int64_t rows, const float* B, int64_t ldb,
                  int64_t columns, float* sums);
  /// C[rows, columns] (+)= sums.
  void (*add)(int64_t rows, int64_t columns, const float* sums, float* C, int64_t ldc, bool accumulate);
};
RNNX_DECLARE_TABLE(SparseTable, sparse_table)

}  // namespace rnnx
