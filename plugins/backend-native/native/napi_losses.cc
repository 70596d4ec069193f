#include "cross_entropy.h"
#include "losses.h"
#include "napi_support.h"

namespace rnnx {
namespace {

OutputLayer take_layer(Call& call, bool with_bias = true) {
  OutputLayer layer;
  layer.rows = call.size("rows");
  layer.inputs = call.size("inputs");
  layer.outputs = call.size("outputs", 1);
  layer.hidden = call.floats("hidden", layer.rows * layer.inputs);
  layer.weight = call.floats("weight", layer.outputs * layer.inputs);
  layer.bias = with_bias ? call.floats("bias", layer.outputs) : nullptr;
  return layer;
}

OutputGradients take_gradients(Call& call, const OutputLayer& layer) {
  OutputGradients to;
  to.hidden = call.floats_or_null("hiddenGradient", layer.rows * layer.inputs);
  to.weight = call.floats_or_null("weightGradient", layer.outputs * layer.inputs);
  to.bias = call.floats_or_null("biasGradient", layer.outputs);
  return to;
}

const int32_t* take_labels(Call& call, const OutputLayer& layer) {
  const int32_t* labels = call.ints_now("labels", layer.rows);
  for (int64_t n = 0; n < layer.rows; n++)
    if (labels[n] < 0 || labels[n] >= layer.outputs) call.refuse("labels", "must be in 0 .. outputs-1");
  return labels;
}

napi_value softmax_memory(Call& call) {
  const int64_t rows = call.size("rows");
  return make_number(call.env, static_cast<double>(cross_entropy_memory(rows, call.size("outputs", 1))));
}

napi_value softmax_forward(Call& call) {
  const OutputLayer layer = take_layer(call);
  const int32_t* labels = take_labels(call, layer);
  float* nll = call.floats("nll", layer.rows);
  float* memory = call.floats_or_null("memory", cross_entropy_memory(layer.rows, layer.outputs));
  return call.later([=] { cross_entropy(layer, labels, nll, memory); });
}

napi_value softmax_backward(Call& call) {
  const OutputLayer layer = take_layer(call, false);
  const int32_t* labels = take_labels(call, layer);
  const float* memory = call.floats("memory", cross_entropy_memory(layer.rows, layer.outputs));
  const float* dy = call.floats("dy", layer.rows);
  const OutputGradients to = take_gradients(call, layer);
  return call.later([=] { cross_entropy_gradient(layer, labels, memory, dy, to); });
}

napi_value sigmoid_forward(Call& call) {
  const OutputLayer layer = take_layer(call);
  const float* targets = call.floats("targets", layer.rows * layer.outputs);
  float* nll = call.floats("nll", layer.rows);
  float* logits = call.floats_or_null("logits", layer.rows * layer.outputs);
  return call.later([=] { sigmoid_loss(layer, targets, nll, logits); });
}

napi_value sigmoid_backward(Call& call) {
  const OutputLayer layer = take_layer(call);
  const float* targets = call.floats("targets", layer.rows * layer.outputs);
  const float* logits = call.floats_or_null("logits", layer.rows * layer.outputs);
  const float* dy = call.floats("dy", layer.rows);
  const OutputGradients to = take_gradients(call, layer);
  return call.later([=] { sigmoid_loss_gradient(layer, targets, logits, dy, to); });
}

}  // namespace

void register_losses(napi_env env, napi_value exports) {
  define_later(env, exports, "softmaxLossMemory", softmax_memory);
  define_later(env, exports, "softmaxLoss", softmax_forward);
  define_later(env, exports, "softmaxLossGradient", softmax_backward);
  define_later(env, exports, "sigmoidLoss", sigmoid_forward);
  define_later(env, exports, "sigmoidLossGradient", sigmoid_backward);
}

}  // namespace rnnx
