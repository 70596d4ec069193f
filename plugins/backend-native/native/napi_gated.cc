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

/// steps, batch, inputs, gates, units, maskShape `(T', B', N')`, masks, weight, x.
GatedProduct take(Call& call) {
  GatedProduct p{};
  p.steps = call.size("steps", 1, most_steps);
  p.batch = call.size("batch", 1, most_examples);
  p.inputs = call.size("inputs", 1, most_width);
  p.gates = call.size("gates", 1, most_gates);
  p.units = call.size("units", 1, most_width);
  const int32_t* const shape = call.ints("maskShape", 3);
  const auto fits = [](int64_t size, int64_t full) { return size == 1 || size == full; };
  if (!fits(shape[0], p.steps) || !fits(shape[1], p.batch) || !fits(shape[2], p.inputs))
    call.refuse("maskShape", "is not [1|T, 1|B, 1|N]");
  const int64_t row = p.gates * shape[2];
  p.masks.step = shape[0] == 1 ? 0 : shape[1] * row;
  p.masks.row = shape[1] == 1 ? 0 : row;
  p.masks.gate = shape[2];
  p.masks.column = shape[2] == 1 ? 0 : 1;
  p.masks.values = call.floats("masks", shape[0] * shape[1] * row);
  p.weight = call.floats("weight", p.inputs * p.gates * p.units);
  p.x = call.floats("x", p.steps * p.batch * p.inputs);
  return p;
}

int64_t outputs(const GatedProduct& p) { return p.steps * p.batch * p.gates * p.units; }

/// gatedProduct(steps, batch, inputs, gates, units, maskShape, masks, weight, x, y)
napi_value product(Call& call) {
  const GatedProduct p = take(call);
  float* const y = call.floats("y", outputs(p));
  return call.later([=] { gated_product(p, y); });
}

/// gatedProductGradient(steps, batch, inputs, gates, units, maskShape, masks, weight, x, dy, dx, dWeight)
napi_value product_gradient(Call& call) {
  const GatedProduct p = take(call);
  const float* const dy = call.floats("dy", outputs(p));
  float* const dx = call.floats("dx", p.steps * p.batch * p.inputs);
  float* const d_weight = call.floats("dWeight", p.inputs * p.gates * p.units);
  return call.later([=] { gated_product_gradient(p, dy, dx, d_weight); });
}

}  // namespace

void register_gated(napi_env env, napi_value exports) {
  define_later(env, exports, "gatedProduct", product);
  define_later(env, exports, "gatedProductGradient", product_gradient);
}

}  // namespace rnnx
