#pragma once
// What losses.cc needs from each instruction set. All work on a piece of one row.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

struct LossTable {
  /// y += bias.
  void (*add)(int64_t n, const float* bias, float* y);
  /// Sums of n columns of x [rows, stride], to out.
  void (*column_sums)(int64_t rows, int64_t n, const float* x, int64_t stride, float* out);
  /// Σ softplus(logit) - target logit.
  float (*sigmoid_loss)(int64_t n, const float* logits, const float* targets);
  /// out = (sigmoid(logit) - target) dy. May be in place.
  void (*sigmoid_gradient)(int64_t n, const float* logits, const float* targets, float dy, float* out);
};
RNNX_DECLARE_TABLE(LossTable, loss_table)

}  // namespace rnnx
