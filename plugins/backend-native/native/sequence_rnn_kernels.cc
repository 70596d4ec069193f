// One step of the simple recurrent network with its three nonlinearities, and the site `recurrent` of all cells.

#include "sequence_lanes.h"

namespace rnnx::RNNX_ISA {

struct Tanh {
  static inline __attribute__((always_inline)) vf value(vf x) { return tanh(x); }
  static inline __attribute__((always_inline)) vf slope(vf y) { return splat(1.0f) - y * y; }
};
struct Sigmoid {
  static inline __attribute__((always_inline)) vf value(vf x) { return sigmoid(x); }
  static inline __attribute__((always_inline)) vf slope(vf y) { return y * (splat(1.0f) - y); }
};
struct Relu {
  // max gives its second operand where one is NaN.
  static inline __attribute__((always_inline)) vf value(vf x) { return max(vf{}, x); }
  static inline __attribute__((always_inline)) vf slope(vf y) { return select(y > vf{}, splat(1.0f), y); }
};

template <class Activation>
static void rnn_forward(const SequenceForward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  each_lanes(t, area, [&](const Lanes& at) {
    const vf a = Activation::value(input_term<1>(pass, at, 0) + recurrent_term<1>(pass, at, 0));
    store_gate(pass, at, 0, a);
    finish_hidden(pass, at, apply(chain_at(s, SequenceSite::candidate), at, a), hidden_before(pass, at));
  });
}

template <class Activation>
static void rnn_backward(const SequenceBackward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  const Chain& candidates = chain_at(s, SequenceSite::candidate);
  each_lanes(t, area, [&](const Lanes& at) {
    const vf a = load_gate(pass, at, 0);
    vf previous = {};
    const vf dh = begin_hidden(pass, at, apply(candidates, at, a), hidden_before(pass, at), previous);
    store_lanes(pass.d_previous + offset(s, at, 0, s.units), previous, at.n);
    const vf d = apply_backward(candidates, at, a, dh) * Activation::slope(a);
    store_gradients<1>(pass, at, 0, d, d);
  });
}

extern const SequenceSteps rnn_tanh_steps = {rnn_forward<Tanh>, nullptr, rnn_backward<Tanh>, nullptr, nullptr};
extern const SequenceSteps rnn_sigmoid_steps = {rnn_forward<Sigmoid>, nullptr, rnn_backward<Sigmoid>, nullptr, nullptr};
extern const SequenceSteps rnn_relu_steps = {rnn_forward<Relu>, nullptr, rnn_backward<Relu>, nullptr, nullptr};

static void operand_forward(const SequenceForward& pass, int64_t t, const Area& area) {
  each_lanes(t, area, [&](const Lanes& at) {
    store_operands(pass, at, hidden_before(pass, at));
  });
}

static void operand_backward(const SequenceBackward& pass, int64_t t, const Area& area) {
  const Sequence& s = pass.sequence;
  each_lanes(t, area, [&](const Lanes& at) {
    const float* const d = pass.d_operands + offset(s, at, 0, s.operands * s.units);
    const vf before = hidden_before(pass, at);
    vf sum = apply_backward(s.operand_chains[0], at, before, load_lanes(d, at.n));
    for (int64_t k = 1; k < s.operands; k++)
      sum = sum + apply_backward(s.operand_chains[k], at, before, load_lanes(d + k * s.units, at.n));
    store_lanes(pass.d_operand + offset(s, at, 0, s.units), sum, at.n);
  });
}

extern const OperandSteps operand_steps = {operand_forward, operand_backward};

}  // namespace rnnx::RNNX_ISA
