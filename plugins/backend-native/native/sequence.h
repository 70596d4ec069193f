#pragma once
// A recurrence over a whole sequence, with perturbations inside it: what the kernels are given. Equations and the order of
// gates: the docstrings of the cells. Semantics of the sites: core/src/recurrence/unroll.ts, which is also the oracle.
//
// T steps, B examples, H units, G gates side by side. All arrays are row-major float32.

#include <cstdint>

namespace rnnx {

// The numbers of these three are part of the JavaScript interface.
enum class SequenceCell : int32_t { lstm, gru_after, gru_before, rnn_tanh, rnn_sigmoid, rnn_relu, count };
// The last two are the matrices `recurrent` and `candidate` themselves, where they differ from step to step.
enum class SequenceSite : int32_t {
  recurrent,
  preactivation,
  candidate,
  readout,
  cell,
  hidden,
  weights,
  candidate_weights,
  count
};
enum class PerturbationKind : int32_t { scale, shift, retain, count };

/// The element at (t, b, j) lies at t * step + b * row + j * column; a stride of 0 broadcasts. b is the example, or the row
/// of a weight matrix.
struct Strides {
  int64_t step, row, column;
};

struct Perturbation {
  PerturbationKind kind;
  const float* value;
  Strides strides;
  /// Backward only: where the gradient is added. Summed over broadcast steps and examples, but always as wide as the site
  /// (the caller adds the columns of a value that has one), so that columns can be shared out to threads. Starts at zero.
  float* gradient;
  Strides gradient_strides;
};

/// The perturbations of one site, in the order in which they act.
struct Chain {
  const Perturbation* items;
  int64_t count;
};

struct Sequence {
  SequenceCell cell;
  int64_t steps, batch, units;
  const float* recurrent;       // [H, G*H]; gru_before: [H, 2H]
  const float* candidate;       // gru_before: [H, H]
  const float* recurrent_bias;  // gru_after: [H]
  Chain chains[static_cast<int>(SequenceSite::count)];
  /// The chain at `recurrent` for each gate's operand, and how many operands `recurrent` multiplies: 1, which all of its
  /// gates share, or one a gate.
  Chain operand_chains[4];
  int64_t operands;
};

/// Where each saved quantity lies, in floats from the start of the memory. `slots` is T for training and 1 where nothing is
/// kept; states have one more, and then take turns. What a sequence does not need has no place (-1).
struct SequenceLayout {
  int64_t slots;
  int64_t gates;         // activations, [slots, B, gate_columns]
  int64_t gate_columns;  // G*H; gru_after: 4H, with the candidate's recurrent product
  int64_t hidden;        // carried h, [slots + 1, B, H]; the first is the initial state
  int64_t cell;          // carried c, [slots + 1, B, H]
  int64_t cell_next;     // c before the site `cell`, [slots, B, H]
  int64_t readout;       // tanh of c after the site `readout`, [slots, B, H]
  int64_t operand_slots;  // T where the way back reads the operands, 1 where it makes them again
  int64_t operand;       // operands of the recurrent product, [operands, operand_slots, B, H]
  int64_t reset;         // gru_before: operand of the candidate's product, [slots, B, H]
  int64_t sums;          // recurrent product before its site, [slots, B, G*H]
  int64_t d_sums;        // left by the backward pass where weights differ from step to step, [slots, B, G*H]
  int64_t size;          // floats in all
};

int64_t sequence_gates(SequenceCell cell);
SequenceLayout sequence_layout(const Sequence& sequence, bool training);

struct SequenceForward {
  Sequence sequence;
  SequenceLayout layout;
  float* memory;                // layout.size floats
  const float* product;         // [T, B, G*H], input product with bias
  const float* initial_hidden;  // [B, H]
  const float* initial_cell;    // lstm: [B, H]
  float* hidden;                // [T, B, H], or null where nobody reads it
  float* last_hidden;           // [B, H]
  float* last_cell;             // lstm: [B, H]
};

struct SequenceBackward {
  Sequence sequence;
  SequenceLayout layout;
  float* memory;          // as a forward pass for training left it
  const float* d_hidden;  // [T, B, H]
  float* d_product;       // [T, B, G*H]
  float* d_recurrent;     // like recurrent
  float* d_candidate;     // like candidate
  float* d_bias;          // like recurrent_bias; starts at zero
  float* d_initial_hidden;  // [B, H]
  float* d_initial_cell;    // lstm: [B, H]
  // Set by sequence_backward.
  float* d_sums;      // of the recurrent products, [T, B, G*H]; d_product where they are the same
  float* d_operands;  // of each of the operands of the step after, [B, operands * H]
  float* d_operand;   // of the operand of the step after before its site, [B, H]; d_operands where they are the same
  float* d_previous;  // of h before the step after, besides, [B, H]
  float* d_cell;      // of c after the step, [B, H]; ends as that of the initial one
};

void sequence_forward(const SequenceForward& pass);
void sequence_backward(SequenceBackward pass);
/// After sequence_backward: adds to the gradients of values at the weights that have a place for it, and to no others.
void sequence_weight_values(const SequenceBackward& pass);

}  // namespace rnnx
