#include "sequence.h"

#include <cstring>

#include "gemm.h"
#include "parallel.h"
#include "sequence_steps.h"

namespace rnnx {
namespace {

const SequenceSteps& steps_of(SequenceCell cell) {
  switch (cell) {
    case SequenceCell::lstm: return RNNX_TABLE(lstm_steps);
    case SequenceCell::gru_after: return RNNX_TABLE(gru_after_steps);
    case SequenceCell::gru_before: return RNNX_TABLE(gru_before_steps);
    case SequenceCell::rnn_tanh: return RNNX_TABLE(rnn_tanh_steps);
    case SequenceCell::rnn_sigmoid: return RNNX_TABLE(rnn_sigmoid_steps);
    default: return RNNX_TABLE(rnn_relu_steps);
  }
}

bool perturbed(const Sequence& s, SequenceSite site) { return s.chains[static_cast<int>(site)].count > 0; }

int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

/// A recurrent weight matrix, packed once for all steps, in parts side by side: the gates of a forward product.
class Packed {
 public:
  Packed(bool transposed, int64_t K, int64_t N, int64_t parts, const float* weight, int64_t stride)
      : K_(K), N_(N), parts_(parts) {
    for (int64_t p = 0; p < parts; p++) part_[p] = pack_b(transposed, K, N, weight + p * N, stride);
  }
  ~Packed() {
    for (int64_t p = 0; p < parts_; p++) free_packed(part_[p]);
  }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;

  /// Part p of C = A · weight for some panels; then calls then(begin, end) with the columns that are ready, of each part.
  /// One parallel loop does both, so that a step costs one fork.
  template <class Then>
  void multiply(int64_t M, const float* A, int64_t lda, float* C, int64_t ldc, float* work, const Then& then) const {
    pack_a(false, M, K_, A, lda, work);
    const int64_t panel = panel_width();
    parallel_for(panel_count(N_), 1, [&](int64_t first, int64_t last) {
      for (int64_t p = 0; p < parts_; p++) gemm_panels(M, work, part_[p], first, last, C + p * N_, ldc, false);
      then(first * panel, last * panel < N_ ? last * panel : N_);
    });
  }

 private:
  PackedB* part_[4];
  int64_t K_, N_, parts_;
};

/// Calls f(begin, end) for ranges of columns.
template <class F>
void over_columns(int64_t columns, const F& f) {
  const int64_t panel = panel_width();
  parallel_for(panel_count(columns), 1, [&](int64_t first, int64_t last) {
    f(first * panel, last * panel < columns ? last * panel : columns);
  });
}

/// The gradient of the initial h, once all steps are done.
void first_state(const SequenceBackward& pass, int64_t begin, int64_t end) {
  const Sequence& s = pass.sequence;
  for (int64_t b = 0; b < s.batch; b++)
    for (int64_t j = b * s.units + begin; j < b * s.units + end; j++)
      pass.d_initial_hidden[j] = pass.d_operand[j] + pass.d_previous[j];
}

}  // namespace

int64_t sequence_gates(SequenceCell cell) {
  switch (cell) {
    case SequenceCell::lstm: return 4;
    case SequenceCell::gru_after:
    case SequenceCell::gru_before: return 3;
    default: return 1;
  }
}

SequenceLayout sequence_layout(const Sequence& s, bool training) {
  const int64_t state = s.batch * s.units;
  const int64_t gates = sequence_gates(s.cell);
  const bool lstm = s.cell == SequenceCell::lstm;
  SequenceLayout layout{};
  layout.slots = training ? s.steps : 1;
  layout.gate_columns = (s.cell == SequenceCell::gru_after ? 4 : gates) * s.units;
  const auto place = [&](bool needed, int64_t floats) {
    if (!needed) return int64_t{-1};
    const int64_t at = layout.size;
    layout.size += aligned(floats);
    return at;
  };
  layout.gates = place(true, layout.slots * s.batch * layout.gate_columns);
  layout.hidden = place(true, (layout.slots + 1) * state);
  layout.cell = place(lstm, (layout.slots + 1) * state);
  layout.cell_next = place(lstm && perturbed(s, SequenceSite::cell), layout.slots * state);
  layout.readout = place(lstm, layout.slots * state);
  layout.operand = place(perturbed(s, SequenceSite::recurrent), layout.slots * state);
  layout.reset = place(s.cell == SequenceCell::gru_before, layout.slots * state);
  layout.sums = place(perturbed(s, SequenceSite::preactivation), layout.slots * gates * state);
  return layout;
}

void sequence_forward(const SequenceForward& pass) {
  const Sequence& s = pass.sequence;
  const SequenceLayout& layout = pass.layout;
  const SequenceSteps& steps = steps_of(s.cell);
  const int64_t H = s.units;
  const int64_t state = s.batch * H;
  const size_t state_bytes = static_cast<size_t>(state) * sizeof(float);
  const bool reset_before = s.cell == SequenceCell::gru_before;
  const int64_t gates = sequence_gates(s.cell);
  const int64_t shared = reset_before ? 2 : gates;
  const Packed recurrent(false, H, H, shared, s.recurrent, shared * H);
  const Packed candidate(false, H, H, reset_before ? 1 : 0, s.candidate, H);
  float* const work = scratch(Scratch::sequence, packed_a_floats(s.batch, H));

  std::memcpy(pass.memory + layout.hidden, pass.initial_hidden, state_bytes);
  if (layout.cell >= 0) std::memcpy(pass.memory + layout.cell, pass.initial_cell, state_bytes);
  if (layout.operand >= 0)
    over_columns(H, [&](int64_t begin, int64_t end) { RNNX_TABLE(operand_steps).forward(pass, 0, begin, end); });
  const bool split = layout.sums >= 0;
  const int64_t columns = split ? gates * H : layout.gate_columns;
  for (int64_t t = 0; t < s.steps; t++) {
    const int64_t slot = step_slot(layout, t);
    const float* operand =
        pass.memory + (layout.operand >= 0 ? layout.operand + slot * state
                                           : layout.hidden + state_slot(layout, s.steps, t, 0) * state);
    float* const sums = pass.memory + (split ? layout.sums : layout.gates) + slot * s.batch * columns;
    recurrent.multiply(s.batch, operand, H, sums, columns, work,
                       [&](int64_t begin, int64_t end) { steps.forward(pass, t, begin, end); });
    if (reset_before)
      candidate.multiply(s.batch, pass.memory + layout.reset + slot * state, H, sums + 2 * H, columns, work,
                         [&](int64_t begin, int64_t end) { steps.forward_candidate(pass, t, begin, end); });
  }
  const int64_t last = state_slot(layout, s.steps, s.steps - 1, 1) * state;
  std::memcpy(pass.last_hidden, pass.memory + layout.hidden + last, state_bytes);
  if (layout.cell >= 0) std::memcpy(pass.last_cell, pass.memory + layout.cell + last, state_bytes);
}

void sequence_backward(SequenceBackward pass) {
  const Sequence& s = pass.sequence;
  const SequenceLayout& layout = pass.layout;
  const SequenceSteps& steps = steps_of(s.cell);
  const int64_t H = s.units;
  const int64_t B = s.batch;
  const int64_t state = B * H;
  const int64_t columns = sequence_gates(s.cell) * H;
  const bool reset_before = s.cell == SequenceCell::gru_before;
  const bool operand_perturbed = perturbed(s, SequenceSite::recurrent);
  const bool lstm = s.cell == SequenceCell::lstm;
  // Columns that are multiplied by `recurrent`.
  const int64_t shared = reset_before ? 2 * H : columns;
  const bool split = s.cell == SequenceCell::gru_after || perturbed(s, SequenceSite::preactivation);
  const Packed recurrent(true, shared, H, 1, s.recurrent, shared);
  const Packed candidate(true, H, H, reset_before ? 1 : 0, s.candidate, H);

  float* work = scratch(Scratch::sequence, 2 * aligned(state) + aligned(packed_a_floats(B, shared)) +
                                               (split ? s.steps * B * columns : 0));
  const auto take = [&](int64_t floats) {
    float* const taken = work;
    work += aligned(floats);
    return taken;
  };
  pass.d_operand = take(state);
  pass.d_previous = take(state);
  pass.d_cell = lstm ? pass.d_initial_cell : nullptr;
  float* const packed = take(packed_a_floats(B, shared));
  pass.d_sums = split ? work : pass.d_product;

  over_columns(H, [&](int64_t begin, int64_t end) { steps.backward(pass, s.steps - 1, begin, end); });
  for (int64_t t = s.steps - 1; t >= 0; t--) {
    const float* const d = pass.d_sums + t * B * columns;
    if (reset_before)
      candidate.multiply(B, d + 2 * H, columns, pass.d_operand, H, packed,
                         [&](int64_t begin, int64_t end) { steps.backward_reset(pass, t, begin, end); });
    recurrent.multiply(B, d, columns, pass.d_operand, H, packed, [&](int64_t begin, int64_t end) {
      if (operand_perturbed) RNNX_TABLE(operand_steps).backward(pass, t, begin, end);
      if (t > 0)
        steps.backward(pass, t - 1, begin, end);
      else
        first_state(pass, begin, end);
    });
  }

  // All steps' part of the weights' gradients in one product.
  const float* const operands = pass.memory + (layout.operand >= 0 ? layout.operand : layout.hidden);
  gemm(true, false, H, shared, s.steps * B, operands, H, pass.d_sums, columns, pass.d_recurrent, shared, false);
  if (reset_before)
    gemm(true, false, H, H, s.steps * B, pass.memory + layout.reset, H, pass.d_sums + shared, columns, pass.d_candidate,
         H, false);
}

}  // namespace rnnx
