#include "gemm_sparse.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "parallel.h"

namespace rnnx {
namespace {

/// Numbers of A, and of a row of it, below which looking for zeros does not pay.
constexpr int64_t least = 1 << 13;
constexpr int64_t least_columns = 24;
/// One number in so many may be other than zero: where all are scattered, this is half the time of a dense product.
constexpr int64_t sparsity = 8;
/// Rows looked at before all are.
constexpr int64_t sample = 16;

/// Nonzero numbers in n.
int64_t count_numbers(int64_t n, const float* x) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += x[i] != 0.0f;
  return count;
}

/// The least column from `j` on, in steps of four, where A's row may have a number.
int64_t skip_zeros(int64_t columns, const float* row, int64_t j) {
  for (; j + 4 <= columns; j += 4) {
    uint64_t pair[2];
    std::memcpy(pair, row + j, sizeof pair);
    // Shifted out: the signs of zeros.
    if (((pair[0] | pair[1]) & 0x7fffffff7fffffffu) != 0) break;
  }
  return j;
}

/// Fills the lists; false where there are more than `most` numbers.
bool list_numbers(int64_t rows, int64_t columns, const float* A, int64_t lda, int64_t most, int32_t* start,
                  int32_t* column, float* value) {
  int64_t count = 0;
  for (int64_t i = 0; i < rows; i++, A += lda) {
    start[i] = static_cast<int32_t>(count);
    for (int64_t j = skip_zeros(columns, A, 0); j < columns; j = skip_zeros(columns, A, j)) {
      const int64_t end = std::min(columns, j + 4);
      if (count + (end - j) > most) return false;
      for (; j < end; j++) {
        column[count] = static_cast<int32_t>(j);
        value[count] = A[j];
        count += A[j] != 0.0f;
      }
    }
  }
  start[rows] = static_cast<int32_t>(count);
  return true;
}

/// Whether none of the numbers is infinite or NaN.
bool finite(int64_t rows, int64_t columns, const float* B, int64_t ldb) {
  for (int64_t i = 0; i < rows; i++, B += ldb) {
    uint32_t worst = 0;
    for (int64_t j = 0; j < columns; j++) {
      uint32_t bits;
      std::memcpy(&bits, B + j, sizeof bits);
      worst = std::max(worst, bits & 0x7fffffffu);
    }
    if (worst >= 0x7f800000u) return false;
  }
  return true;
}

/// Calls f(k0, k1) for the blocks of steps, in order.
template <class F>
void over_blocks(int64_t K, int64_t block_steps, const F& f) {
  const int64_t blocks = (K + block_steps - 1) / block_steps;
  for (int64_t b = 0, k0 = 0; b < blocks; b++) {
    const int64_t k1 = k0 + K / blocks + (b < K % blocks ? 1 : 0);
    f(k0, k1);
    k0 = k1;
  }
}

}  // namespace

bool gemm_may_be_sparse(int64_t rows, int64_t columns, const float* A, int64_t lda) {
  if (columns < least_columns || rows < sample || rows * columns < least || rows * columns > INT32_MAX) return false;
  int64_t numbers = 0;
  for (int64_t i = 0; i < sample; i++) numbers += count_numbers(columns, A + i * (rows - 1) / (sample - 1) * lda);
  return numbers * sparsity <= sample * columns;
}

bool gemm_sparse(bool transA, int64_t M, int64_t N, int64_t K, int64_t block_steps, const float* A, int64_t lda,
                 const float* B, int64_t ldb, const float* bias, float* C, int64_t ldc, bool accumulate) {
  const int64_t rows = transA ? K : M, columns = transA ? M : K;
  if (N < least_columns || !gemm_may_be_sparse(rows, columns, A, lda)) return false;
  const int64_t most = rows * columns / sparsity;
  // Numbers of four bytes each, one list after the other.
  float* const value = scratch(Scratch::gemm_a, rows + 1 + 2 * most);
  int32_t* const column = reinterpret_cast<int32_t*>(value + most);
  int32_t* const start = column + most;
  if (!list_numbers(rows, columns, A, lda, most, start, column, value) || !finite(K, N, B, ldb)) return false;
  const SparseTable& isa = RNNX_TABLE(sparse_table);

  if (!transA) {
    parallel_for(M, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        int32_t from = start[i];
        if (bias) std::copy_n(bias, N, C + i * ldc);
        over_blocks(K, block_steps, [&](int64_t k0, int64_t k1) {
          int32_t to = from;
          while (to < start[i + 1] && column[to] < k1) to++;
          isa.gather(N, to - from, column + from, value + from, B, ldb, C + i * ldc, accumulate || k0 > 0);
          from = to;
        });
      }
    });
    return true;
  }
  parallel_for((N + isa.panel - 1) / isa.panel, 1, [&](int64_t begin, int64_t end) {
    float* const sums = scratch(Scratch::gemm_b, M * isa.panel);
    for (int64_t first = begin * isa.panel; first < std::min(N, end * isa.panel); first += isa.panel) {
      const int64_t here = std::min(isa.panel, N - first);
      over_blocks(K, block_steps, [&](int64_t k0, int64_t k1) {
        isa.scatter({start, column, value}, k0, k1, M, B + first, ldb, here, sums);
        isa.add(M, here, sums, C + first, ldc, accumulate || k0 > 0);
      });
    }
  });
  return true;
}

}  // namespace rnnx
