#include "sequence.h"

#include <algorithm>
#include <cstring>

#include "gated_product.h"
#include "gemm.h"
#include "large_memory.h"
#include "parallel.h"
#include "sequence_steps.h"
#include "stepped_matrix.h"

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

/// A recurrent weight matrix in parts side by side, packed once for all steps, or for each step where steps differ.
class Packed {
 public:
  Packed(const SteppedMatrix& matrix, bool transposed, int64_t parts)
      : matrix_(matrix), transposed_(transposed), parts_(parts) {
    const int64_t width = parts == 0 ? 0 : matrix.columns / parts;
    K_ = transposed ? width : matrix.rows;
    N_ = transposed ? matrix.rows : width;
    if (parts == 0) return;
    // One block for all parts: the next sequence, or the way back, finds it again.
    const int64_t each = aligned(packed_b_floats(K_, N_));
    memory_ = take_large(parts * each);
    for (int64_t p = 0; p < parts; p++) {
      part_[p] = {K_, N_, memory_ + p * each};
      if (!matrix.stepped()) pack_b_into(part_[p].data, transposed, K_, N_, matrix.values + p * width, matrix.columns);
    }
  }
  ~Packed() { give_large(memory_); }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;

  /// Floats of work memory for a product of M rows.
  int64_t work(int64_t M) const { return parts_ * aligned(packed_a_floats(M, K_)); }

  /// Part p of C = A · weight of step t for some panels, with A at A + p * step; then calls then(begin, end) with the
  /// columns that are ready, of each part. One parallel loop does both, so that a step costs one fork. `work` belongs to
  /// the caller's thread.
  template <class Then>
  void multiply(int64_t t, int64_t M, const float* A, int64_t step, int64_t lda, float* C, int64_t ldc, float* work,
                const Then& then) const {
    if (matrix_.stepped()) pack_stepped(matrix_, t, transposed_, parts_, part_);
    const int64_t each = step == 0 ? 0 : aligned(packed_a_floats(M, K_));
    for (int64_t p = 0; p < (step == 0 ? 1 : parts_); p++) pack_a(false, M, K_, A + p * step, lda, work + p * each);
    const int64_t panel = panel_width();
    parallel_for(panel_count(N_), 1, [&](int64_t first, int64_t last) {
      for (int64_t p = 0; p < parts_; p++)
        gemm_panels(M, work + p * each, &part_[p], first, last, C + p * N_, ldc, false);
      then(first * panel, last * panel < N_ ? last * panel : N_);
    });
  }

 private:
  SteppedMatrix matrix_;
  bool transposed_;
  float* memory_ = nullptr;
  PackedB part_[4];
  int64_t K_, N_, parts_;
};

/// [H, columns that `recurrent` has].
SteppedMatrix recurrent_matrix(const Sequence& s) {
  const int64_t gates = sequence_gates(s.cell) - (s.cell == SequenceCell::gru_before ? 1 : 0);
  return {s.units, gates * s.units, s.recurrent, s.chains[static_cast<int>(SequenceSite::weights)]};
}
SteppedMatrix candidate_matrix(const Sequence& s) {
  return {s.units, s.units, s.candidate, s.chains[static_cast<int>(SequenceSite::candidate_weights)]};
}

/// Calls f(begin, end) for ranges of columns.
template <class F>
void over_columns(int64_t columns, const F& f) {
  const int64_t panel = panel_width();
  parallel_for(panel_count(columns), 1, [&](int64_t first, int64_t last) {
    f(first * panel, last * panel < columns ? last * panel : columns);
  });
}

/// Recurrent weights up to which each thread had better go through all of them for its own examples, and the fewest examples
/// worth that: from a core's second cache, and from the third.
constexpr struct {
  int64_t weights, rows;
} passes[] = {{1 << 18, 5}, {1 << 21, 10}};

/// Examples that a thread takes through all steps, so that threads meet once a sequence: at each step they would wait for
/// one another and read what the other's cache holds. The whole batch where the columns of each step are shared out instead:
/// where weights are large or differ from step to step, or threads would get too few examples or too unequal parts.
int64_t rows_together(const Sequence& s) {
  const int64_t threads = thread_count();
  const int64_t rows = (s.batch + threads - 1) / threads;
  const int64_t weights = sequence_gates(s.cell) * s.units * s.units;
  const auto& pass = passes[weights <= passes[0].weights ? 0 : 1];
  const bool fits = weights <= pass.weights && rows >= pass.rows && 8 * rows * threads <= 9 * s.batch;
  const bool stepped = perturbed(s, SequenceSite::weights) || perturbed(s, SequenceSite::candidate_weights);
  return fits && !stepped ? rows : s.batch;
}

/// Whether examples add to the same gradient.
bool shared_gradients(const Sequence& s) {
  const auto shared = [](const Chain& chain) {
    return std::any_of(chain.items, chain.items + chain.count,
                       [](const Perturbation& p) { return p.gradient != nullptr && p.gradient_strides.row == 0; });
  };
  return std::any_of(s.chains, s.chains + static_cast<int>(SequenceSite::weights), shared) ||
         std::any_of(s.operand_chains, s.operand_chains + 4, shared);
}

/// Calls f(first, last) for all examples, `rows` at a time.
template <class F>
void over_examples(int64_t batch, int64_t rows, const F& f) {
  // Not a parallel loop of one piece: the steps' own loops are to be parallel then.
  if (rows >= batch) return f(int64_t{0}, batch);
  parallel_for((batch + rows - 1) / rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; part++) f(part * rows, std::min(batch, (part + 1) * rows));
  });
}

/// The gradient of the initial h, once all steps are done.
void first_state(const SequenceBackward& pass, const Area& area) {
  const int64_t H = pass.sequence.units;
  for (int64_t b = area.first; b < area.last; b++)
    for (int64_t j = b * H + area.begin; j < b * H + area.end; j++)
      pass.d_initial_hidden[j] = pass.d_operand[j] + pass.d_previous[j];
}

/// Adds up the gradients of the weights, where asked for, and of values at the weights.
void weight_gradients(const SequenceBackward& pass, float* d_recurrent, float* d_candidate) {
  const Sequence& s = pass.sequence;
  const SequenceLayout& layout = pass.layout;
  const int64_t H = s.units;
  const int64_t columns = sequence_gates(s.cell) * H;
  const SteppedMatrix recurrent = recurrent_matrix(s);
  const int64_t each = recurrent.columns / s.operands;
  if (perturbed(s, SequenceSite::recurrent) && !recurrent.stepped()) {
    const GatedOperand operand = {s.steps, s.batch, H, pass.memory + layout.hidden, s.operand_chains, s.operands};
    if (d_recurrent != nullptr)
      gated_product_gradient(operand, {each, pass.d_sums, columns}, {each, d_recurrent, recurrent.columns});
  } else {
    const float* const operands = pass.memory + (layout.operand >= 0 ? layout.operand : layout.hidden);
    for (int64_t k = 0; k < s.operands; k++)
      stepped_gradient(recurrent, {s.steps, s.batch, operands + k * layout.operand_slots * s.batch * H, H,
                                   pass.d_sums + k * each, columns, k * each, (k + 1) * each},
                       d_recurrent);
  }
  if (s.cell == SequenceCell::gru_before)
    stepped_gradient(candidate_matrix(s), {s.steps, s.batch, pass.memory + layout.reset, H,
                                           pass.d_sums + recurrent.columns, columns, 0, H},
                     d_candidate);
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
  layout.operand_slots = perturbed(s, SequenceSite::weights) ? layout.slots : 1;
  layout.operand = place(perturbed(s, SequenceSite::recurrent), s.operands * layout.operand_slots * state);
  layout.reset = place(s.cell == SequenceCell::gru_before, layout.slots * state);
  layout.sums = place(perturbed(s, SequenceSite::preactivation), layout.slots * gates * state);
  layout.d_sums = place(training && (perturbed(s, SequenceSite::weights) || perturbed(s, SequenceSite::candidate_weights)),
                        layout.slots * gates * state);
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
  const Packed recurrent(recurrent_matrix(s), false, reset_before ? 2 : gates);
  const Packed candidate(candidate_matrix(s), false, reset_before ? 1 : 0);
  const int64_t operand_step = s.operands == 1 ? 0 : layout.operand_slots * state;
  std::memcpy(pass.memory + layout.hidden, pass.initial_hidden, state_bytes);
  if (layout.cell >= 0) std::memcpy(pass.memory + layout.cell, pass.initial_cell, state_bytes);
  const bool split = layout.sums >= 0;
  const int64_t columns = split ? gates * H : layout.gate_columns;
  over_examples(s.batch, rows_together(s), [&](int64_t first, int64_t last) {
    const int64_t rows = last - first;
    float* const work = scratch(Scratch::sequence_rows, std::max(recurrent.work(rows), candidate.work(rows)));
    if (layout.operand >= 0)
      over_columns(H, [&](int64_t begin, int64_t end) {
        RNNX_TABLE(operand_steps).forward(pass, 0, {first, last, begin, end});
      });
    for (int64_t t = 0; t < s.steps; t++) {
      const int64_t slot = step_slot(layout, t);
      const float* operand =
          pass.memory + first * H + (layout.operand >= 0 ? layout.operand + operand_slot(layout, t) * state
                                                         : layout.hidden + state_slot(layout, s.steps, t, 0) * state);
      float* const sums = pass.memory + (split ? layout.sums : layout.gates) + (slot * s.batch + first) * columns;
      recurrent.multiply(t, rows, operand, operand_step, H, sums, columns, work,
                         [&](int64_t begin, int64_t end) { steps.forward(pass, t, {first, last, begin, end}); });
      if (reset_before)
        candidate.multiply(
            t, rows, pass.memory + layout.reset + slot * state + first * H, 0, H, sums + 2 * H, columns, work,
            [&](int64_t begin, int64_t end) { steps.forward_candidate(pass, t, {first, last, begin, end}); });
    }
  });
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
  const bool split = s.cell == SequenceCell::gru_after || perturbed(s, SequenceSite::preactivation);
  const Packed recurrent(recurrent_matrix(s), true, s.operands);
  const Packed candidate(candidate_matrix(s), true, reset_before ? 1 : 0);
  const bool gated = s.operands > 1;

  float* work = scratch(Scratch::sequence, 2 * aligned(state) + (gated ? aligned(s.operands * state) : 0) +
                                               (split && layout.d_sums < 0 ? s.steps * B * columns : 0));
  const auto take = [&](int64_t floats) {
    float* const taken = work;
    work += aligned(floats);
    return taken;
  };
  pass.d_operand = take(state);
  pass.d_previous = take(state);
  pass.d_cell = lstm ? pass.d_initial_cell : nullptr;
  pass.d_operands = gated ? take(s.operands * state) : pass.d_operand;
  pass.d_sums = layout.d_sums >= 0 ? pass.memory + layout.d_sums : split ? work : pass.d_product;

  over_examples(B, shared_gradients(s) ? B : rows_together(s), [&](int64_t first, int64_t last) {
    const int64_t rows = last - first;
    float* const packed = scratch(Scratch::sequence_rows, std::max(recurrent.work(rows), candidate.work(rows)));
    over_columns(H, [&](int64_t begin, int64_t end) { steps.backward(pass, s.steps - 1, {first, last, begin, end}); });
    for (int64_t t = s.steps - 1; t >= 0; t--) {
      const float* const d = pass.d_sums + (t * B + first) * columns;
      if (reset_before)
        candidate.multiply(t, rows, d + 2 * H, 0, columns, pass.d_operand + first * H, H, packed,
                           [&](int64_t begin, int64_t end) { steps.backward_reset(pass, t, {first, last, begin, end}); });
      recurrent.multiply(t, rows, d, gated ? H : 0, columns, pass.d_operands + first * s.operands * H, s.operands * H, packed,
                         [&](int64_t begin, int64_t end) {
                           const Area area = {first, last, begin, end};
                           if (operand_perturbed) RNNX_TABLE(operand_steps).backward(pass, t, area);
                           if (t > 0)
                             steps.backward(pass, t - 1, area);
                           else
                             first_state(pass, area);
                         });
    }
  });
  if (steps.bias != nullptr)
    over_columns(H, [&](int64_t begin, int64_t end) {
      for (int64_t t = s.steps - 1; t >= 0; t--) steps.bias(pass, t, {0, B, begin, end});
    });

  weight_gradients(pass, pass.d_recurrent, pass.d_candidate);
}

void sequence_weight_values(const SequenceBackward& given) {
  SequenceBackward pass = given;
  pass.d_sums = pass.memory + pass.layout.d_sums;
  weight_gradients(pass, nullptr, nullptr);
}

}  // namespace rnnx
