// gatedProduct and gatedProductGradient: see src/fused/addon.ts for their arguments in order.

#include "gated_product.h"
#include "napi_support.h"

namespace rnnx {
namespace {

// Bounds that keep every product of sizes within 64 bits.
constexpr int64_t most_steps = 1 << 22;
constexpr int64_t most_examples = 1 << 20;
constexpr int64_t most_width = 1 << 16;
constexpr int64_t most_gates = 1 << 4;

/// What both functions begin with. Each gate's chain is one mask.
struct Gated {
  int64_t gates, units;
  GatedOperand x;
  const float* weight;
  Perturbation masks[most_gates];

  int64_t rows() const { return x.steps * x.batch; }
  template <class Float>
  SideBySide<Float> of_gates(Float* data) const {
    return {units, data, gates * units};
  }
  /// Calls f(operand): its chains last as long as the call.
  template <class F>
  void with_operand(const F& f) const {
    Chain chains[most_gates];
    for (int64_t gate = 0; gate < gates; gate++) chains[gate] = {masks + gate, 1};
    GatedOperand operand = x;
    operand.chains = chains;
    f(operand);
  }
};

/// steps, batch, inputs, gates, units, maskShape `(T', B', N')`, masks, weight, x.
Gated take(Call& call) {
  Gated p{};
  p.x.steps = call.size("steps", 1, most_steps);
  p.x.batch = call.size("batch", 1, most_examples);
  p.x.inputs = call.size("inputs", 1, most_width);
  p.gates = call.size("gates", 1, most_gates);
  p.x.count = p.gates;
  p.units = call.size("units", 1, most_width);
  const int32_t* const shape = call.ints("maskShape", 3);
  const auto fits = [](int64_t size, int64_t full) { return size == 1 || size == full; };
  if (!fits(shape[0], p.x.steps) || !fits(shape[1], p.x.batch) || !fits(shape[2], p.x.inputs))
    call.refuse("maskShape", "is not [1|T, 1|B, 1|N]");
  const int64_t row = p.gates * shape[2];
  const Strides strides = {shape[0] == 1 ? 0 : shape[1] * row, shape[1] == 1 ? 0 : row, shape[2] == 1 ? 0 : 1};
  const float* const values = call.floats("masks", shape[0] * shape[1] * row);
  for (int64_t gate = 0; gate < p.gates; gate++)
    p.masks[gate] = {PerturbationKind::scale, values + gate * shape[2], strides, nullptr, {}};
  p.weight = call.floats("weight", p.x.inputs * p.gates * p.units);
  p.x.values = call.floats("x", p.rows() * p.x.inputs);
  return p;
}

/// gatedProduct(steps, batch, inputs, gates, units, maskShape, masks, weight, x, y)
napi_value product(Call& call) {
  const Gated p = take(call);
  float* const y = call.floats("y", p.rows() * p.gates * p.units);
  return call.later([=] {
    p.with_operand([&](const GatedOperand& x) { gated_product(x, p.of_gates(p.weight), p.of_gates(y)); });
  });
}

/// gatedProductGradient(steps, batch, inputs, gates, units, maskShape, masks, weight, x, dy, dx, dWeight)
napi_value product_gradient(Call& call) {
  const Gated p = take(call);
  const float* const dy = call.floats("dy", p.rows() * p.gates * p.units);
  float* const dx = call.floats("dx", p.rows() * p.x.inputs);
  float* const d_weight = call.floats("dWeight", p.x.inputs * p.gates * p.units);
  return call.later([=] {
    p.with_operand([&](const GatedOperand& x) {
      gated_product_gradient(x, p.of_gates(dy), p.of_gates(d_weight));
      gated_operand_gradient(x, p.of_gates(p.weight), p.of_gates(dy), dx);
    });
  });
}

}  // namespace

void register_gated(napi_env env, napi_value exports) {
  define_later(env, exports, "gatedProduct", product);
  define_later(env, exports, "gatedProductGradient", product_gradient);
}

}  // namespace rnnx
