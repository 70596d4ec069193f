// Reductions: tables of one instruction set.
#pragma once

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

// The numbers are part of the JavaScript interface (src/addon.ts).
enum class Reduce : int32_t { sum, mean, max, min, count };

// Elements that one partial sum covers. Long rows are summed by such chunks, in order, whoever computes them.
constexpr int64_t kSumChunk = 16384;

struct ReduceTable {
  // Sum in doubles of n <= kSumChunk neighbouring elements, lanes in a fixed order.
  double (*sum)(const float* x, int64_t n);
  float (*max)(const float* x, int64_t n);
  float (*min)(const float* x, int64_t n);
  // x [rows, stride], of which the columns [begin, end) are reduced over the rows; divisor for the mean, else 1.
  void (*sum_columns)(const float* x, int64_t rows, int64_t stride, float* out, int64_t begin, int64_t end,
                      double divisor);
  void (*max_columns)(const float* x, int64_t rows, int64_t stride, float* out, int64_t begin, int64_t end);
  void (*min_columns)(const float* x, int64_t rows, int64_t stride, float* out, int64_t begin, int64_t end);
  // One row each; out may be x.
  void (*softmax)(const float* x, float* out, int64_t n);
  // out[column] += x[row, column] for the rows of each segment, columns [begin, end) of width; skips odd segments.
  void (*segment_sum)(const float* x, const int32_t* segment, int64_t rows, int64_t width, int64_t segments, float* out,
                      int64_t begin, int64_t end);
};

RNNX_DECLARE_TABLE(ReduceTable, reduce_table)

inline const ReduceTable& reductions() { return RNNX_TABLE(reduce_table); }

}  // namespace rnnx
