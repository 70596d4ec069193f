#pragma once
// What cross_entropy.cc needs from each instruction set.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

/// Panels whose exponentials share a reference: few enough that a row of them stays in registers.
constexpr int64_t exponential_panels = 4;

struct CrossEntropyTable {
  /// For each of `rows` rows of up to exponential_panels panels, `stride` apart: reference = max(logit + bias), then
  /// logit = exp(logit + bias - reference) in place, and their sum.
  void (*exponentials)(int64_t rows, int64_t panels, int64_t stride, const float* bias, float* logits, float* reference,
                       float* sum);
  /// largest[i] = max_g reference[g][i], total[i] = Σ_g exp(reference[g][i] - largest[i]) sum[g][i], each
  /// group's `stride` after the one before.
  void (*merge)(int64_t n, int64_t groups, int64_t stride, const float* reference, const float* sum, float* largest, float* total);
  /// out = exp(reference - normalizer) dy
  void (*factors)(int64_t n, const float* reference, const float* normalizer, const float* dy, float* out);
  /// One panel of `rows` rows times a factor a row, to another place; and the sums of its columns.
  void (*scale)(int64_t rows, const float* from, const float* factor, float* to, float* sums);
};
RNNX_DECLARE_TABLE(CrossEntropyTable, cross_entropy_table)

}  // namespace rnnx
