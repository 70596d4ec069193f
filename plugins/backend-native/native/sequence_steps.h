#pragma once
// The elementwise part of one step, on some columns of some examples, as tables of one instruction set.

#include "dispatch.h"
#include "sequence.h"

namespace rnnx {

/// Examples [first, last) and columns [begin, end).
struct Area {
  int64_t first, last, begin, end;
};

struct SequenceSteps {
  /// From the recurrent products of step t to its state; gru_before: to the candidate's operand.
  void (*forward)(const SequenceForward&, int64_t t, const Area&);
  /// gru_before: from the candidate's product to the state.
  void (*forward_candidate)(const SequenceForward&, int64_t t, const Area&);
  /// From the gradients of h_t and what step t + 1 sent back to those of the products; gru_before: without the reset gate.
  void (*backward)(const SequenceBackward&, int64_t t, const Area&);
  /// gru_before: the reset gate, from the gradient of the candidate's operand in d_operand.
  void (*backward_reset)(const SequenceBackward&, int64_t t, const Area&);
  /// gru_after: adds what step t gives the recurrent bias, once `backward` was there.
  void (*bias)(const SequenceBackward&, int64_t t, const Area&);
};

struct OperandSteps {
  /// h before step t to the operand of its product.
  void (*forward)(const SequenceForward&, int64_t t, const Area&);
  /// d_operand from d_operands, those of step t: of h.
  void (*backward)(const SequenceBackward&, int64_t t, const Area&);
};

RNNX_DECLARE_TABLE(SequenceSteps, lstm_steps)
RNNX_DECLARE_TABLE(SequenceSteps, gru_after_steps)
RNNX_DECLARE_TABLE(SequenceSteps, gru_before_steps)
RNNX_DECLARE_TABLE(SequenceSteps, rnn_tanh_steps)
RNNX_DECLARE_TABLE(SequenceSteps, rnn_sigmoid_steps)
RNNX_DECLARE_TABLE(SequenceSteps, rnn_relu_steps)
RNNX_DECLARE_TABLE(OperandSteps, operand_steps)

/// The state's slot before (`0`) or after (`1`) step t.
inline int64_t state_slot(const SequenceLayout& layout, int64_t steps, int64_t t, int64_t after) {
  return layout.slots == steps ? t + after : (t + after) % 2;
}
/// The slot of what belongs to step t, and of the operands of its product.
inline int64_t step_slot(const SequenceLayout& layout, int64_t t) { return layout.slots == 1 ? 0 : t; }
inline int64_t operand_slot(const SequenceLayout& layout, int64_t t) { return layout.operand_slots == 1 ? 0 : t; }

}  // namespace rnnx
