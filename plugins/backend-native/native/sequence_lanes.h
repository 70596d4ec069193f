#pragma once
// Vectors of neighbouring columns within a sequence, and the perturbations on them. Only for *_kernels.cc.

#include "sequence_steps.h"
#include "simd_math.h"

namespace rnnx::RNNX_ISA {

/// Lanes j .. j + n - 1 of example b at step t.
struct Lanes {
  int64_t t, b, j, n;
};

RNNX_INLINE vf load_lanes(const float* p, int64_t n) { return n == width ? load(p) : load_part(p, n); }
RNNX_INLINE void store_lanes(float* p, vf x, int64_t n) {
  if (n == width)
    store(p, x);
  else
    store_part(p, x, n);
}

/// Calls f(Lanes) for the examples and columns of an area.
template <class F>
RNNX_INLINE void each_lanes(int64_t t, const Area& area, const F& f) {
  for (int64_t b = area.first; b < area.last; b++)
    for (int64_t j = area.begin; j < area.end; j += width)
      f(Lanes{t, b, j, area.end - j < width ? area.end - j : width});
}

RNNX_INLINE const Chain& chain_at(const Sequence& s, SequenceSite site) { return s.chains[static_cast<int>(site)]; }

RNNX_INLINE vf value_at(const Perturbation& p, const Lanes& at) {
  const float* row = p.value + at.t * p.strides.step + at.b * p.strides.row;
  return p.strides.column == 0 ? splat(*row) : load_lanes(row + at.j, at.n);
}

/// Out of line: a chain is short, but stands at many places.
#define RNNX_APART static __attribute__((noinline, unused))

/// x after the first `count` perturbations.
RNNX_APART vf apply_some(const Chain& chain, int64_t count, const Lanes& at, vf x, vf previous) {
  for (int64_t k = 0; k < count; k++) {
    const Perturbation& p = chain.items[k];
    const vf v = value_at(p, at);
    if (p.kind == PerturbationKind::scale)
      x = x * v;
    else if (p.kind == PerturbationKind::shift)
      x = x + v;
    else
      x = x + v * (previous - x);
  }
  return x;
}
RNNX_INLINE vf apply(const Chain& chain, const Lanes& at, vf x, vf previous = vf{}) {
  return chain.count == 0 ? x : apply_some(chain, chain.count, at, x, previous);
}

RNNX_APART vf apply_all_backward(const Chain& chain, const Lanes& at, vf x, vf d, vf previous, vf& d_previous) {
  for (int64_t k = chain.count - 1; k >= 0; k--) {
    const Perturbation& p = chain.items[k];
    const vf v = value_at(p, at);
    // What this one was given: made again, as chains are short.
    const vf given = k == 0 ? x : apply_some(chain, k, at, x, previous);
    vf gradient = d;
    if (p.kind == PerturbationKind::scale) {
      gradient = d * given;
      d = d * v;
    } else if (p.kind == PerturbationKind::retain) {
      gradient = d * (previous - given);
      d_previous = d_previous + d * v;
      d = d - d * v;
    }
    if (p.gradient == nullptr) continue;
    const Strides& s = p.gradient_strides;
    float* const target = p.gradient + at.t * s.step + at.b * s.row + at.j;
    store_lanes(target, load_lanes(target, at.n) + gradient, at.n);
  }
  return d;
}
/// From the gradient d after the perturbations to that of x before them; adds to the values' gradients and to d_previous.
RNNX_INLINE vf apply_backward(const Chain& chain, const Lanes& at, vf x, vf d, vf previous, vf& d_previous) {
  return chain.count == 0 ? d : apply_all_backward(chain, at, x, d, previous, d_previous);
}
RNNX_INLINE vf apply_backward(const Chain& chain, const Lanes& at, vf x, vf d) {
  vf none = {};
  return apply_backward(chain, at, x, d, none, none);
}

/// Offset of the lanes in [slots, B, columns].
RNNX_INLINE int64_t offset(const Sequence& s, const Lanes& at, int64_t slot, int64_t columns) {
  return (slot * s.batch + at.b) * columns + at.j;
}
RNNX_INLINE int64_t step_offset(const Sequence& s, const SequenceLayout& layout, const Lanes& at, int64_t columns) {
  return offset(s, at, step_slot(layout, at.t), columns);
}
RNNX_INLINE int64_t state_offset(const Sequence& s, const SequenceLayout& layout, const Lanes& at, int64_t after) {
  return offset(s, at, state_slot(layout, s.steps, at.t, after), s.units);
}

/// Recurrent product of one gate after its site.
template <int gates>
RNNX_INLINE vf recurrent_term(const SequenceForward& pass, const Lanes& at, int gate) {
  const Sequence& s = pass.sequence;
  const Chain& chain = chain_at(s, SequenceSite::preactivation);
  const int64_t column = gate * s.units;
  if (chain.count == 0)
    return load_lanes(pass.memory + pass.layout.gates + step_offset(s, pass.layout, at, pass.layout.gate_columns) + column,
                      at.n);
  const vf sum =
      load_lanes(pass.memory + pass.layout.sums + step_offset(s, pass.layout, at, gates * s.units) + column, at.n);
  return apply(chain, Lanes{at.t, at.b, column + at.j, at.n}, sum);
}
template <int gates>
RNNX_INLINE vf input_term(const SequenceForward& pass, const Lanes& at, int gate) {
  const Sequence& s = pass.sequence;
  return load_lanes(pass.product + offset(s, at, at.t, gates * s.units) + gate * s.units, at.n);
}

RNNX_INLINE void store_gate(const SequenceForward& pass, const Lanes& at, int gate, vf x) {
  const Sequence& s = pass.sequence;
  store_lanes(pass.memory + pass.layout.gates + step_offset(s, pass.layout, at, pass.layout.gate_columns) +
                  gate * s.units,
              x, at.n);
}
RNNX_INLINE vf load_gate(const SequenceBackward& pass, const Lanes& at, int gate) {
  const Sequence& s = pass.sequence;
  return load_lanes(pass.memory + pass.layout.gates + step_offset(s, pass.layout, at, pass.layout.gate_columns) +
                        gate * s.units,
                    at.n);
}

/// h before step t, as carried.
template <class Pass>
RNNX_INLINE vf hidden_before(const Pass& pass, const Lanes& at) {
  return load_lanes(pass.memory + pass.layout.hidden + state_offset(pass.sequence, pass.layout, at, 0), at.n);
}

/// h before step t through the site `recurrent`: what the step's product gets.
RNNX_INLINE void store_operands(const SequenceForward& pass, const Lanes& at, vf h) {
  const Sequence& s = pass.sequence;
  float* const operands = pass.memory + pass.layout.operand + offset(s, at, operand_slot(pass.layout, at.t), s.units);
  const int64_t stride = pass.layout.operand_slots * s.batch * s.units;
  for (int64_t k = 0; k < s.operands; k++) store_lanes(operands + k * stride, apply(s.operand_chains[k], at, h), at.n);
}

/// h through the site `hidden`, up and onward.
RNNX_INLINE void finish_hidden(const SequenceForward& pass, const Lanes& at, vf h, vf before) {
  const Sequence& s = pass.sequence;
  h = apply(chain_at(s, SequenceSite::hidden), at, h, before);
  store_lanes(pass.memory + pass.layout.hidden + state_offset(s, pass.layout, at, 1), h, at.n);
  if (pass.hidden != nullptr) store_lanes(pass.hidden + offset(s, at, at.t, s.units), h, at.n);
  if (pass.layout.operand >= 0 && at.t + 1 < s.steps) store_operands(pass, Lanes{at.t + 1, at.b, at.j, at.n}, h);
}

/// Gradient of h_t before the site `hidden`; `previous` takes what the site sends to h_{t-1}.
RNNX_INLINE vf begin_hidden(const SequenceBackward& pass, const Lanes& at, vf h, vf before, vf& previous) {
  const Sequence& s = pass.sequence;
  vf d = load_lanes(pass.d_hidden + offset(s, at, at.t, s.units), at.n);
  const int64_t state = offset(s, at, 0, s.units);
  if (at.t + 1 < s.steps) d = d + load_lanes(pass.d_operand + state, at.n) + load_lanes(pass.d_previous + state, at.n);
  return apply_backward(chain_at(s, SequenceSite::hidden), at, h, d, before, previous);
}

/// Stores the gradient of one gate's input product, and that of its recurrent product where it is another.
template <int gates>
RNNX_INLINE void store_gradients(const SequenceBackward& pass, const Lanes& at, int gate, vf product, vf sum) {
  const Sequence& s = pass.sequence;
  const int64_t column = gate * s.units;
  const int64_t place = offset(s, at, at.t, gates * s.units) + column;
  store_lanes(pass.d_product + place, product, at.n);
  if (pass.d_sums == pass.d_product) return;
  const Chain& chain = chain_at(s, SequenceSite::preactivation);
  if (chain.count > 0) {
    const vf given = load_lanes(pass.memory + pass.layout.sums + place, at.n);
    sum = apply_backward(chain, Lanes{at.t, at.b, column + at.j, at.n}, given, sum);
  }
  store_lanes(pass.d_sums + place, sum, at.n);
}

}  // namespace rnnx::RNNX_ISA
