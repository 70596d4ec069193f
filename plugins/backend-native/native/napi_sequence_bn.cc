// normalizedMemory, normalizedForward and normalizedBackward: see src/fused/addon.ts for their arguments in order.

#include <vector>

#include "napi_support.h"
#include "parallel.h"
#include "sequence_bn.h"

namespace rnnx {
namespace {

// Bounds that keep every product of sizes within 64 bits.
constexpr int64_t most_steps = 1 << 24;
constexpr int64_t most_examples = 1 << 20;
constexpr int64_t most_units = 1 << 16;

NormalizedLstm take_sizes(Call& call) {
  NormalizedLstm net{};
  net.steps = call.size("steps", 1, most_steps);
  net.batch = call.size("batch", 1, most_examples);
  net.units = call.size("units", 1, most_units);
  return net;
}

BatchNorm take_norm(Call& call, const NormalizedLstm& net, int64_t columns, const char* const names[4]) {
  BatchNorm norm{};
  norm.gamma = call.floats(names[0], columns);
  const double epsilon = call.number(names[1]);
  if (!(epsilon > 0)) call.refuse(names[1], "must be above 0");
  norm.epsilon = static_cast<float>(epsilon);
  norm.mean = call.floats(names[2], net.steps * columns);
  norm.variance = call.floats(names[3], net.steps * columns);
  return norm;
}

/// population, mask, bias, three times (gamma, epsilon, mean, variance), beta.
void take_norms(Call& call, NormalizedLstm& net) {
  static const char* const input[] = {"inputGamma", "inputEpsilon", "inputMean", "inputVariance"};
  static const char* const recurrent[] = {"recurrentGamma", "recurrentEpsilon", "recurrentMean", "recurrentVariance"};
  static const char* const readout[] = {"readoutGamma", "readoutEpsilon", "readoutMean", "readoutVariance"};
  const int64_t columns = 4 * net.units;
  net.population = call.boolean("population");
  net.mask = call.floats_or_null("mask", net.steps * net.batch);
  net.bias = call.floats("bias", columns);
  net.input = take_norm(call, net, columns, input);
  net.recurrent = take_norm(call, net, columns, recurrent);
  net.readout = take_norm(call, net, net.units, readout);
  net.beta = call.floats("beta", net.units);
}

napi_value memory(Call& call) {
  const NormalizedLstm net = take_sizes(call);
  return make_number(call.env, static_cast<double>(normalized_layout(net.steps, net.batch, net.units, true).size));
}

napi_value forward(Call& call) {
  NormalizedForward pass{};
  NormalizedLstm& net = pass.net;
  net = take_sizes(call);
  take_norms(call, net);
  const int64_t state = net.batch * net.units;
  pass.recurrent = call.floats("recurrent", 4 * net.units * net.units);
  pass.product = call.floats("product", net.steps * 4 * state);
  pass.initial_hidden = call.floats("initialHidden", state);
  pass.initial_cell = call.floats("initialCell", state);
  pass.layout = normalized_layout(net.steps, net.batch, net.units, true);
  pass.memory = call.floats_or_null("memory", pass.layout.size);
  pass.hidden = call.floats("hidden", net.steps * state);
  pass.last_cell = call.floats("lastCell", state);
  if (pass.memory == nullptr) pass.layout = normalized_layout(net.steps, net.batch, net.units, false);
  return call.later([pass]() mutable {
    if (pass.memory == nullptr) pass.memory = scratch(Scratch::sequence_two, pass.layout.size);
    normalized_forward(pass);
  });
}

/// A sum in double precision and where it goes.
struct Sum {
  Sum(Call& call, const char* name, int64_t length)
      : target(call.floats(name, length)), values(static_cast<size_t>(length)) {}
  void store() const {
    for (size_t i = 0; i < values.size(); i++) target[i] = static_cast<float>(values[i]);
  }
  float* target;
  std::vector<double> values;
};

napi_value backward(Call& call) {
  NormalizedBackward pass{};
  NormalizedLstm& net = pass.net;
  net = take_sizes(call);
  take_norms(call, net);
  const int64_t state = net.batch * net.units, columns = 4 * net.units;
  pass.layout = normalized_layout(net.steps, net.batch, net.units, true);
  pass.recurrent = call.floats("recurrent", net.units * columns);
  pass.product = call.floats("product", net.steps * 4 * state);
  pass.initial_hidden = call.floats("initialHidden", state);
  pass.memory = call.floats("memory", pass.layout.size);
  pass.hidden = call.floats("hidden", net.steps * state);
  pass.d_hidden = call.floats("dHidden", net.steps * state);
  pass.d_product = call.floats("dProduct", net.steps * 4 * state);
  pass.d_recurrent = call.floats("dRecurrent", net.units * columns);
  pass.d_initial_hidden = call.floats("dInitialHidden", state);
  pass.d_initial_cell = call.floats("dInitialCell", state);
  std::vector<Sum> sums;
  for (const auto& [name, length] : {std::pair("dBias", columns), {"dInputGamma", columns}, {"dRecurrentGamma", columns},
                                     {"dReadoutGamma", net.units}, {"dBeta", net.units}})
    sums.emplace_back(call, name, length);
  double** const places[] = {&pass.d_bias, &net.input.d_gamma, &net.recurrent.d_gamma, &net.readout.d_gamma, &pass.d_beta};
  for (size_t i = 0; i < sums.size(); i++) *places[i] = sums[i].values.data();
  // The sums are moved, not copied: the pass points into them.
  return call.later([pass, sums = std::move(sums)] {
    normalized_backward(pass);
    for (const Sum& sum : sums) sum.store();
  });
}

}  // namespace

void register_sequence_bn(napi_env env, napi_value exports) {
  define_later(env, exports, "normalizedMemory", memory);
  define_later(env, exports, "normalizedForward", forward);
  define_later(env, exports, "normalizedBackward", backward);
}

}  // namespace rnnx
