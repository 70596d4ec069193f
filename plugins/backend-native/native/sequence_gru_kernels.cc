// One step of the gated recurrent unit; gates r, z, n.

#include "sequence_lanes.h"

namespace rnnx::RNNX_ISA {

/// (1 - z) n + z h with one product.
RNNX_INLINE vf interpolate(vf z, vf n, vf h) { return n + z * (h - n); }

static void after_forward(const SequenceForward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  each_lanes(t, area, [&](const Lanes& at) {
    const vf bias = load_lanes(s.recurrent_bias + at.j, at.n);
    const vf r = sigmoid(input_term<3>(pass, at, 0) + recurrent_term<3>(pass, at, 0));
    const vf z = sigmoid(input_term<3>(pass, at, 1) + recurrent_term<3>(pass, at, 1));
    const vf inner = recurrent_term<3>(pass, at, 2) + bias;
    const vf n = tanh(input_term<3>(pass, at, 2) + r * inner);
    store_gate(pass, at, 0, r);
    store_gate(pass, at, 1, z);
    store_gate(pass, at, 2, n);
    store_gate(pass, at, 3, inner);
    const vf before = hidden_before(pass, at);
    finish_hidden(pass, at, interpolate(z, apply(chain_at(s, SequenceSite::candidate), at, n), before), before);
  });
}

/// Gradients of the candidate's and the update gate's preactivation; stores what h_{t-1} gets past the products.
RNNX_INLINE void interpolation_backward(const SequenceBackward& pass, const Lanes& at, vf z, vf n, vf before, vf& dz,
                                        vf& dn) {
  const Sequence& s = pass.sequence;
  const Chain& candidates = chain_at(s, SequenceSite::candidate);
  const vf one = splat(1.0f);
  const vf perturbed = apply(candidates, at, n);
  vf previous = {};
  const vf dh = begin_hidden(pass, at, interpolate(z, perturbed, before), before, previous);
  const vf kept = dh * z;
  store_lanes(pass.d_previous + offset(s, at, 0, s.units), previous + kept, at.n);
  dz = dh * (before - perturbed) * z * (one - z);
  dn = apply_backward(candidates, at, n, dh - kept) * (one - n * n);
}

static void after_backward(const SequenceBackward& pass, int64_t t, const Area& area) {
  each_lanes(t, area, [&](const Lanes& at) {
    const vf r = load_gate(pass, at, 0);
    const vf z = load_gate(pass, at, 1);
    const vf n = load_gate(pass, at, 2);
    const vf inner = load_gate(pass, at, 3);
    vf dz, dn;
    interpolation_backward(pass, at, z, n, hidden_before(pass, at), dz, dn);
    const vf dr = dn * inner * r * (splat(1.0f) - r);
    store_gradients<3>(pass, at, 0, dr, dr);
    store_gradients<3>(pass, at, 1, dz, dz);
    store_gradients<3>(pass, at, 2, dn, dn * r);
  });
}

static void after_bias(const SequenceBackward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  each_lanes(t, area, [&](const Lanes& at) {
    float* const bias = pass.d_bias + at.j;
    const vf dn = load_lanes(pass.d_product + offset(s, at, at.t, 3 * s.units) + 2 * s.units, at.n);
    store_lanes(bias, load_lanes(bias, at.n) + dn * load_gate(pass, at, 0), at.n);
  });
}

static void before_forward(const SequenceForward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  each_lanes(t, area, [&](const Lanes& at) {
    const vf r = sigmoid(input_term<3>(pass, at, 0) + recurrent_term<3>(pass, at, 0));
    const vf z = sigmoid(input_term<3>(pass, at, 1) + recurrent_term<3>(pass, at, 1));
    store_gate(pass, at, 0, r);
    store_gate(pass, at, 1, z);
    store_lanes(pass.memory + pass.layout.reset + step_offset(s, pass.layout, at, s.units),
                apply(s.operand_chains[2], at, r * hidden_before(pass, at)), at.n);
  });
}

static void before_candidate(const SequenceForward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  each_lanes(t, area, [&](const Lanes& at) {
    const vf n = tanh(input_term<3>(pass, at, 2) + recurrent_term<3>(pass, at, 2));
    store_gate(pass, at, 2, n);
    const vf z = load_lanes(pass.memory + pass.layout.gates +
                                step_offset(s, pass.layout, at, pass.layout.gate_columns) + s.units,
                            at.n);
    const vf before = hidden_before(pass, at);
    finish_hidden(pass, at, interpolate(z, apply(chain_at(s, SequenceSite::candidate), at, n), before), before);
  });
}

static void before_backward(const SequenceBackward& pass, int64_t t, const Area& area) {
  each_lanes(t, area, [&](const Lanes& at) {
    vf dz, dn;
    interpolation_backward(pass, at, load_gate(pass, at, 1), load_gate(pass, at, 2), hidden_before(pass, at), dz, dn);
    store_gradients<3>(pass, at, 1, dz, dz);
    store_gradients<3>(pass, at, 2, dn, dn);
  });
}

static void before_backward_reset(const SequenceBackward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  each_lanes(t, area, [&](const Lanes& at) {
    const vf r = load_gate(pass, at, 0);
    const vf before = hidden_before(pass, at);
    const int64_t state = offset(s, at, 0, s.units);
    const vf d = apply_backward(s.operand_chains[2], at, r * before,
                                load_lanes(pass.d_operand + state, at.n));
    store_lanes(pass.d_previous + state, load_lanes(pass.d_previous + state, at.n) + d * r, at.n);
    const vf dr = d * before * r * (splat(1.0f) - r);
    store_gradients<3>(pass, at, 0, dr, dr);
  });
}

extern const SequenceSteps gru_after_steps = {after_forward, nullptr, after_backward, nullptr, after_bias};
extern const SequenceSteps gru_before_steps = {before_forward, before_candidate, before_backward,
                                               before_backward_reset, nullptr};

}  // namespace rnnx::RNNX_ISA
