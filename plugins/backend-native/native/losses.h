#pragma once
// An output layer and its negative log-likelihood in one: logits = hidden [N,H] · weight [V,H]ᵀ + bias [V], worked on in
// tiles of columns so that passes over the logits find them in a cache, and no one-hot or probability matrix exists.

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

/// Categorical: nll[n] = log Σ_v exp(logit) - logit[label]. Labels must be in 0 .. V-1. `logits` [N,V] are kept for the
/// gradient, or nullptr: then the gradient works them out again, for a third more time and no memory. normalizer [N] gets
/// log Σ exp.
void softmax_loss(const OutputLayer& layer, const int32_t* labels, float* nll, float* normalizer, float* logits);

/// Gradients of Σ_n dy[n] nll[n]. `logits` and `normalizer` are those of softmax_loss; they are not changed.
void softmax_loss_gradient(const OutputLayer& layer, const int32_t* labels, const float* normalizer, const float* logits,
                           const float* dy, const OutputGradients& to);

/// Independent Bernoullis: nll[n] = Σ_v softplus(logit) - target · logit, targets [N,V].
void sigmoid_loss(const OutputLayer& layer, const float* targets, float* nll, float* logits);
void sigmoid_loss_gradient(const OutputLayer& layer, const float* targets, const float* logits, const float* dy,
                           const OutputGradients& to);

}  // namespace rnnx
