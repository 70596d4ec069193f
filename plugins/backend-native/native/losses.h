#pragma once
// An output layer and its negative log-likelihood in one: logits = hidden [N,H] · weight [V,H]ᵀ + bias [V], worked on in
// tiles of columns so that passes over the logits find them in a cache. For the categorical one see cross_entropy.h.

#include <cstdint>

namespace rnnx {

struct OutputLayer {
  int64_t rows;     // N
  int64_t inputs;   // H
  int64_t outputs;  // V
  const float* hidden;
  const float* weight;
  const float* bias;
};

/// Results; nullptr where not wanted.
struct OutputGradients {
  float* hidden;  // [N, H]
  float* weight;  // [V, H]
  float* bias;    // [V]
};

/// Independent Bernoullis: nll[n] = Σ_v softplus(logit) - target · logit, targets [N,V]. `logits` [N,V] are kept for the
/// gradient, or nullptr: then the gradient works them out again, for a third more time and no memory.
void sigmoid_loss(const OutputLayer& layer, const float* targets, float* nll, float* logits);
void sigmoid_loss_gradient(const OutputLayer& layer, const float* targets, const float* logits, const float* dy,
                           const OutputGradients& to);

}  // namespace rnnx
