#pragma once
// Products with an operand that goes through a chain of perturbations before each, as a gate's mask: y_k = x_k · W_k with
// x_k = x through chain k, side by side. The perturbed operands are made where they are packed and never stand in memory.

#include <cstdint>

#include "sequence.h"

namespace rnnx {

/// x [steps, batch, inputs] through `count` chains of scales and shifts. In the strides of their values a row is an example.
struct GatedOperand {
  int64_t steps, batch, inputs;
  const float* values;
  const Chain* chains;
  int64_t count;
};

/// `count` matrices of so many columns, side by side: number k begins at data + k * columns; `stride` leads from row to row.
template <class Float>
struct SideBySide {
  int64_t columns;
  Float* data;
  int64_t stride;
};

/// y_k = x_k · W_k: weight [inputs, count * columns], y [steps * batch, count * columns]. Runs on all threads, as the others.
void gated_product(const GatedOperand& x, const SideBySide<const float>& weight, const SideBySide<float>& y);
/// d_weight_k = x_kᵀ · dy_k.
void gated_product_gradient(const GatedOperand& x, const SideBySide<const float>& dy, const SideBySide<float>& d_weight);
/// dx [steps * batch, inputs], the gradient of x from dy through all products; to no value of a chain.
void gated_operand_gradient(const GatedOperand& x, const SideBySide<const float>& weight, const SideBySide<const float>& dy,
                            float* dx);

}  // namespace rnnx
