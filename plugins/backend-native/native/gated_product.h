#pragma once
// A product whose operand has another mask for each gate: y[:, gate g] = (x ⊙ m_g) · W[:, gate g].

#include <cstdint>

namespace rnnx {

/// The mask of gate g for input i of example b at step t lies at t * step + b * row + g * gate + i * column; a stride of 0
/// broadcasts.
struct GateMasks {
  const float* values;
  int64_t step, row, gate, column;
};

struct GatedProduct {
  int64_t steps, batch, inputs, gates, units;
  GateMasks masks;
  const float* weight;  // [inputs, gates * units]
  const float* x;       // [steps, batch, inputs]
};

/// y [steps, batch, gates * units].
void gated_product(const GatedProduct& product, float* y);
/// From dy like y: dx like x, d_weight like weight.
void gated_product_gradient(const GatedProduct& product, const float* dy, float* dx, float* d_weight);

}  // namespace rnnx
