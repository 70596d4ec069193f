#pragma once
// A batch-normalised long short-term memory over a whole sequence (Cooijmans et al. 2016, equations 6-8), forward and
// backward; the oracle is the composed path, core/src/recurrence/normalize.ts within the unroll.
//
// T steps, B examples, H units, gates i, f, g, o side by side. All arrays are row-major float32. Work is shared out by
// units: what is normalised together, a unit over the examples, stays on one thread, so sums have one order.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

/// One batch normalisation: scale, and mean and variance of each step, N wide.
struct BatchNorm {
  const float* gamma;    // [N]
  float epsilon;
  float* mean;           // [T, N]; written by the forward pass, or given where they are a population's
  float* variance;       // [T, N]
  double* d_gamma;       // backward only: [N], starts at zero
};

struct NormalizedLstm {
  int64_t steps, batch, units;
  bool population;       // statistics are given
  const float* mask;     // [T, B], or null: examples of weight 0 are left out of the statistics
  const float* bias;     // [4H]
  BatchNorm input;       // of the input product, N = 4H
  BatchNorm recurrent;   // of the recurrent product, N = 4H
  BatchNorm readout;     // of the copy of c that is read out, N = H
  const float* beta;     // of the readout, [H]
};

/// Units are handled in blocks as wide as a vector, [gates, width] columns each. Where few are left for the last block, it
/// has them in fours, [gates, 4] columns each, whose vectors take several examples: a block of padding would cost as much
/// as a full one, in a minibatch's time between two meetings of the threads.
struct NormalizedLayout {
  int64_t slots;         // T for training, 1 where nothing is kept
  int64_t blocks;        // in all
  int64_t wide;          // those of a vector's width
  int64_t width;
  int64_t padded;        // units with padding
  int64_t sums;          // recurrent products, [slots, B, 4 * padded]
  int64_t cell;          // c, [slots + 1, B, padded], the first before the first step; without slots they take turns
  int64_t size;          // floats in all
};
NormalizedLayout normalized_layout(int64_t steps, int64_t batch, int64_t units, bool training);

struct NormalizedForward {
  NormalizedLstm net;
  NormalizedLayout layout;
  const float* recurrent;       // [H, 4H]
  const float* product;         // [T, B, 4H]: input product, neither normalised nor with a bias
  const float* initial_hidden;  // [B, H]
  const float* initial_cell;
  float* memory;                // layout.size floats
  float* hidden;                // [T, B, H]
  float* last_cell;             // [B, H]
};
void normalized_forward(const NormalizedForward& pass);

struct NormalizedBackward {
  NormalizedLstm net;
  NormalizedLayout layout;
  const float* recurrent;
  const float* product;
  const float* initial_hidden;
  const float* memory;          // as a forward pass for training left it
  const float* hidden;          // its result
  const float* d_hidden;        // [T, B, H]
  float* d_product;             // [T, B, 4H]
  float* d_recurrent;           // [H, 4H]
  float* d_initial_hidden;      // [B, H]
  float* d_initial_cell;
  double* d_bias;               // [4H], starts at zero
  double* d_beta;               // [H], starts at zero
  // Set by normalized_backward.
  float* d_sums;                // of the recurrent product of the step, [B, 4 * padded]
  float* d_operand;             // of h after the step through the next one's product, [B, padded]
  float* d_cell;                // of c after the step, [B, padded]
};
void normalized_backward(NormalizedBackward pass);

/// The elementwise part of one step for one block of units, the recurrent product being complete.
struct NormalizedTable {
  int64_t width;
  void (*forward)(const NormalizedForward&, int64_t t, int64_t block);
  void (*backward)(const NormalizedBackward&, int64_t t, int64_t block);
};
RNNX_DECLARE_TABLE(NormalizedTable, normalized_lstm_steps)

}  // namespace rnnx
