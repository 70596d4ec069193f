// One step of the long short-term memory; gates i, f, g, o.

#include "sequence_lanes.h"

namespace rnnx::RNNX_ISA {

static void lstm_forward(const SequenceForward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  const SequenceLayout& layout = pass.layout;
  float* const memory = pass.memory;
  each_lanes(t, area, [&](const Lanes& at) {
    const auto sum = [&](int gate) { return input_term<4>(pass, at, gate) + recurrent_term<4>(pass, at, gate); };
    const vf i = sigmoid(sum(0));
    const vf f = sigmoid(sum(1));
    const vf g = tanh(sum(2));
    const vf o = sigmoid(sum(3));
    store_gate(pass, at, 0, i);
    store_gate(pass, at, 1, f);
    store_gate(pass, at, 2, g);
    store_gate(pass, at, 3, o);
    const vf before = load_lanes(memory + layout.cell + state_offset(s, layout, at, 0), at.n);
    const vf next = f * before + i * apply(chain_at(s, SequenceSite::candidate), at, g);
    const vf read = tanh(apply(chain_at(s, SequenceSite::readout), at, next));
    const int64_t saved = step_offset(s, layout, at, s.units);
    store_lanes(memory + layout.readout + saved, read, at.n);
    vf carried = next;
    if (layout.cell_next >= 0) {
      store_lanes(memory + layout.cell_next + saved, next, at.n);
      carried = apply(chain_at(s, SequenceSite::cell), at, next, before);
    }
    store_lanes(memory + layout.cell + state_offset(s, layout, at, 1), carried, at.n);
    finish_hidden(pass, at, o * read, hidden_before(pass, at));
  });
}

static void lstm_backward(const SequenceBackward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  const SequenceLayout& layout = pass.layout;
  const float* const memory = pass.memory;
  const vf one = splat(1.0f);
  each_lanes(t, area, [&](const Lanes& at) {
    const vf i = load_gate(pass, at, 0);
    const vf f = load_gate(pass, at, 1);
    const vf g = load_gate(pass, at, 2);
    const vf o = load_gate(pass, at, 3);
    const int64_t saved = step_offset(s, layout, at, s.units);
    const vf read = load_lanes(memory + layout.readout + saved, at.n);
    const vf before = load_lanes(memory + layout.cell + state_offset(s, layout, at, 0), at.n);
    const vf next = layout.cell_next < 0 ? load_lanes(memory + layout.cell + state_offset(s, layout, at, 1), at.n)
                                         : load_lanes(memory + layout.cell_next + saved, at.n);
    const int64_t state = offset(s, at, 0, s.units);

    vf to_hidden = {};
    const vf dh = begin_hidden(pass, at, o * read, hidden_before(pass, at), to_hidden);
    store_lanes(pass.d_previous + state, to_hidden, at.n);
    const vf d_read = dh * o * (one - read * read);
    vf dc = apply_backward(chain_at(s, SequenceSite::readout), at, next, d_read);
    vf to_cell = {};
    if (t + 1 < s.steps) {
      const vf carried = load_lanes(pass.d_cell + state, at.n);
      dc = dc + apply_backward(chain_at(s, SequenceSite::cell), at, next, carried, before, to_cell);
    }
    const Chain& candidates = chain_at(s, SequenceSite::candidate);
    const vf dg = apply_backward(candidates, at, g, dc * i);
    const vf di = dc * apply(candidates, at, g) * i * (one - i);
    const vf df = dc * before * f * (one - f);
    const vf d_candidate = dg * (one - g * g);
    const vf d_out = dh * read * o * (one - o);
    store_lanes(pass.d_cell + state, dc * f + to_cell, at.n);
    store_gradients<4>(pass, at, 0, di, di);
    store_gradients<4>(pass, at, 1, df, df);
    store_gradients<4>(pass, at, 2, d_candidate, d_candidate);
    store_gradients<4>(pass, at, 3, d_out, d_out);
  });
}

extern const SequenceSteps lstm_steps = {lstm_forward, nullptr, lstm_backward, nullptr, nullptr};

}  // namespace rnnx::RNNX_ISA
