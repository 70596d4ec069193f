#pragma once
// Elementwise functions over arrays, to about 2 units in the last place; NaN, infinities, signed zeros and overflow as IEEE
// 754 says. An element's result does not depend on where it stands or on n. Output may be the input. Single-threaded:
// callers split. For use on vectors inside a kernel see simd_math.h.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

struct VectorMathTable {
  void (*exp)(int64_t n, const float* x, float* y);
  void (*log)(int64_t n, const float* x, float* y);
  void (*tanh)(int64_t n, const float* x, float* y);
  void (*sigmoid)(int64_t n, const float* x, float* y);
  /// Sum and dot product in a fixed order that depends on n alone, at a given instruction set.
  float (*sum)(int64_t n, const float* x);
  float (*dot)(int64_t n, const float* x, const float* y);
  /// Sum of squares in double precision, in order of 1,024-element blocks.
  double (*sum_squares)(int64_t n, const float* x);
};
RNNX_DECLARE_TABLE(VectorMathTable, vector_math_table)

inline const VectorMathTable& vector_math() { return RNNX_TABLE(vector_math_table); }

}  // namespace rnnx
