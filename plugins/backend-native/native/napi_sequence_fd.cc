// momentForward and momentBackward: see src/fused/moments-addon.ts for their arguments in order.

#include "napi_support.h"
#include "sequence_fd.h"

namespace rnnx {
namespace {

// Bounds that keep every product of sizes within 64 bits.
constexpr int64_t most_steps = 1 << 24;
constexpr int64_t most_examples = 1 << 20;
constexpr int64_t most_units = 1 << 16;
constexpr int64_t most_nodes = 64;

/// steps, batch, units, activation, nodes, node, weight, keep, recurrent.
MomentNet take_net(Call& call) {
  MomentNet net{};
  net.steps = call.size("steps", 1, most_steps);
  net.batch = call.size("batch", 1, most_examples);
  net.units = call.size("units", 1, most_units);
  net.rule.activation = static_cast<MomentActivation>(
      call.size("activation", 0, static_cast<int64_t>(MomentActivation::count) - 1));
  net.rule.nodes = call.size("nodes", 0, most_nodes);
  net.rule.node = call.floats("node", net.rule.nodes);
  net.rule.weight = call.floats("weight", net.rule.nodes);
  const double keep = call.number("keep");
  if (!(keep > 0 && keep <= 1)) call.refuse("keep", "must be above 0 and at most 1");
  net.keep = static_cast<float>(keep);
  net.recurrent = call.floats("recurrent", net.units * net.units);
  return net;
}

napi_value forward(Call& call) {
  MomentForward pass{};
  pass.net = take_net(call);
  const int64_t state = pass.net.batch * pass.net.units, all = pass.net.steps * state;
  pass.product = call.floats("product", all);
  pass.input_variance = call.floats("inputVariance", all);
  pass.initial_mean = call.floats("initialMean", state);
  pass.initial_variance = call.floats("initialVariance", state);
  pass.memory = call.floats_or_null("memory", moment_memory(pass.net));
  pass.mean = call.floats("mean", all);
  pass.variance = call.floats("variance", all);
  return call.later([pass] { moment_forward(pass); });
}

napi_value backward(Call& call) {
  MomentBackward pass{};
  pass.net = take_net(call);
  const int64_t units = pass.net.units, state = pass.net.batch * units, all = pass.net.steps * state;
  pass.initial_mean = call.floats("initialMean", state);
  pass.memory = call.floats("memory", moment_memory(pass.net));
  pass.mean = call.floats("mean", all);
  pass.d_mean = call.floats("dMean", all);
  pass.d_variance = call.floats("dVariance", all);
  pass.d_product = call.floats("dProduct", all);
  pass.d_input_variance = call.floats("dInputVariance", all);
  pass.d_recurrent = call.floats("dRecurrent", units * units);
  pass.d_initial_mean = call.floats("dInitialMean", state);
  pass.d_initial_variance = call.floats("dInitialVariance", state);
  return call.later([pass] { moment_backward(pass); });
}

}  // namespace

void register_sequence_fd(napi_env env, napi_value exports) {
  define_later(env, exports, "momentForward", forward);
  define_later(env, exports, "momentBackward", backward);
}

}  // namespace rnnx
