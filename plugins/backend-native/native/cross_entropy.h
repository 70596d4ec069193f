#pragma once
// An output layer with softmax cross-entropy in one: nll[n] = log Σ_v exp(logit) - logit[label], logits = hidden [N,H] ·
// weight [V,H]ᵀ + bias [V]. Logits are made in panels and turned into exponentials while they are in a cache, each group of
// panels by a reference of its own; the gradient scales them, once, into an operand of both its products. No one-hot or
// probability matrix exists, and each logit costs one exponential.

#include <cstdint>

#include "losses.h"

namespace rnnx {

/// Floats that the loss keeps for its gradient.
int64_t cross_entropy_memory(int64_t rows, int64_t outputs);

/// Labels must be in 0 .. V-1. `memory` is nullptr where no gradient is wanted.
void cross_entropy(const OutputLayer& layer, const int32_t* labels, float* nll, float* memory);

/// Gradients of Σ_n dy[n] nll[n]; `memory` is from cross_entropy, and is not changed. The bias is not read.
void cross_entropy_gradient(const OutputLayer& layer, const int32_t* labels, const float* memory, const float* dy,
                            const OutputGradients& to);

}  // namespace rnnx
