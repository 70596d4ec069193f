// One step of the batch-normalised long short-term memory for one block of units, over all examples.

#include "sequence_bn.h"
#include "simd_math.h"

namespace rnnx::RNNX_ISA {

constexpr int gates = 4;

RNNX_INLINE vf lanes(const float* p, int64_t n) { return n == width ? load(p) : load_part(p, n); }
RNNX_INLINE void store_lanes(float* p, vf x, int64_t n) {
  if (n == width)
    store(p, x);
  else
    store_part(p, x, n);
}

/// The units of a block: the first, how many are there, and where their columns begin among the products'.
struct Units {
  int64_t first, count, column;
};

/// How vectors lie over a block: `span` units of an example or, narrow, of several examples one after another.
template <bool narrow>
struct Lanes {
  static constexpr int64_t span = narrow ? 4 : width;
  static constexpr int64_t examples = width / span;

  int64_t batch;
  Units units;

  /// Rows of an array that has the block's units and no more than those in a row.
  vf load_there(const float* p, int64_t stride, int64_t b) const {
    return narrow ? load_fours(p + b * stride, stride, batch - b, units.count) : lanes(p + b * stride, units.count);
  }
  void store_there(float* p, int64_t stride, int64_t b, vf x) const {
    if (narrow)
      store_fours(p + b * stride, stride, batch - b < examples ? batch - b : examples, units.count, x);
    else
      store_lanes(p + b * stride, x, units.count);
  }
  /// The same where rows are padded.
  vf load_all(const float* p, int64_t stride, int64_t b) const {
    return narrow ? load_fours(p + b * stride, stride, batch - b, span) : load(p + b * stride);
  }
  void store_all(float* p, int64_t stride, int64_t b, vf x) const {
    if (narrow)
      store_fours(p + b * stride, stride, batch - b < examples ? batch - b : examples, span, x);
    else
      store(p + b * stride, x);
  }
  /// What is the same for all examples.
  vf each(const float* p) const {
    const vf x = lanes(p, units.count);
    return narrow ? repeat_four(x) : x;
  }
  /// Sums over the examples, in all their lanes.
  vf total(vf x) const { return narrow ? sum_fours(x) : x; }
};

/// Weights of the examples at one step in its statistics, and their sum (at least 1).
struct Examples {
  const float* mask;
  int64_t batch;
  float count;

  /// Zero in the lanes of examples that are not there.
  template <bool narrow>
  vf weight(int64_t b) const;
};
RNNX_INLINE Examples examples_of(const NormalizedLstm& net, int64_t t) {
  if (net.mask == nullptr) return {nullptr, net.batch, static_cast<float>(net.batch)};
  const float* const mask = net.mask + t * net.batch;
  float sum = 0;
  for (int64_t b = 0; b < net.batch; b++) sum += mask[b];
  return {mask, net.batch, sum > 1.0f ? sum : 1.0f};
}
template <bool narrow>
inline __attribute__((always_inline)) vf Examples::weight(int64_t b) const {
  if (!narrow) return splat(mask == nullptr ? 1.0f : mask[b]);
  float lane[width];
  for (int64_t i = 0; i < width; i++) {
    const int64_t at = b + i / 4;
    lane[i] = at >= batch ? 0.0f : mask == nullptr ? 1.0f : mask[at];
  }
  return load(lane);
}

/// N quantities of a block to be normalised: x -> (x - mean) * slope, with slope = 1 / sqrt(variance + epsilon).
template <int N>
struct Standard {
  vf mean[N], slope[N];
};

/// From stored statistics `[T, N * H]`.
template <int N, bool narrow>
RNNX_INLINE Standard<N> stored(const BatchNorm& norm, int64_t t, const Lanes<narrow>& at, int64_t H) {
  Standard<N> s;
  for (int g = 0; g < N; g++) {
    const int64_t place = (t * N + g) * H + at.units.first;
    s.mean[g] = at.each(norm.mean + place);
    s.slope[g] = splat(1.0f) / sqrt(at.each(norm.variance + place) + splat(norm.epsilon));
  }
  return s;
}

/// Of the minibatch, which are stored; x(b, g) gives the quantity. Two passes: the variance cannot cancel.
template <int N, bool narrow, class X>
RNNX_INLINE void measure(const BatchNorm& norm, const Examples& examples, int64_t t, const Lanes<narrow>& at, int64_t H,
                         const X& x) {
  constexpr int64_t together = Lanes<narrow>::examples;
  const int64_t batch = examples.batch;
  const bool weighed = examples.mask != nullptr || batch % together != 0;
  vf mean[N], sum[N];
  const vf count = splat(examples.count);
  for (int g = 0; g < N; g++) sum[g] = vf{};
  if (!weighed)
    for (int64_t b = 0; b < batch; b += together)
      for (int g = 0; g < N; g++) sum[g] = sum[g] + x(b, g);
  else
    for (int64_t b = 0; b < batch; b += together) {
      const vf weight = examples.weight<narrow>(b);
      for (int g = 0; g < N; g++) sum[g] = sum[g] + x(b, g) * weight;
    }
  for (int g = 0; g < N; g++) {
    mean[g] = at.total(sum[g]) / count;
    sum[g] = vf{};
  }
  if (!weighed)
    for (int64_t b = 0; b < batch; b += together)
      for (int g = 0; g < N; g++) {
        const vf centred = x(b, g) - mean[g];
        sum[g] = fma(centred, centred, sum[g]);
      }
  else
    for (int64_t b = 0; b < batch; b += together) {
      const vf weight = examples.weight<narrow>(b);
      for (int g = 0; g < N; g++) {
        const vf centred = x(b, g) - mean[g];
        sum[g] = fma(centred * weight, centred, sum[g]);
      }
    }
  for (int g = 0; g < N; g++) {
    const int64_t place = (t * N + g) * H + at.units.first;
    store_lanes(norm.mean + place, mean[g], at.units.count);
    store_lanes(norm.variance + place, at.total(sum[g]) / count, at.units.count);
  }
}

/// What a step reads of the examples from b on.
template <bool narrow>
struct Step {
  Lanes<narrow> at;
  const float* product;  // [B, 4H] from the block's first unit on
  const float* sums;     // [B, 4 * padded] from the block on
  int64_t units;         // H
  int64_t columns;       // 4 * padded

  vf input(int64_t b, int g) const { return at.load_there(product + g * units, gates * units, b); }
  vf recurrent(int64_t b, int g) const { return at.load_all(sums + g * at.span, columns, b); }
};

template <bool narrow, class Pass>
RNNX_INLINE Step<narrow> step_of(const Pass& pass, int64_t t, const Units& units) {
  const int64_t B = pass.net.batch, columns = gates * pass.layout.padded;
  const int64_t slot = pass.layout.slots == 1 ? 0 : t;
  return {{B, units},
          pass.product + t * B * gates * pass.net.units + units.first,
          pass.memory + pass.layout.sums + slot * B * columns + units.column,
          pass.net.units,
          columns};
}

/// Asks for `n` floats of the rows of these examples: rows of a block lie too far apart for the hardware to see what comes
/// next.
template <bool narrow>
RNNX_INLINE void prefetch_rows(const Lanes<narrow>& at, const float* p, int64_t stride, int64_t b, int64_t n) {
  const int64_t end = b + at.examples < at.batch ? b + at.examples : at.batch;
  for (; b < end; b++) {
    __builtin_prefetch(p + b * stride);
    if (n > 1) __builtin_prefetch(p + b * stride + n - 1);
  }
}
/// Of the two products `ahead` steps on.
template <bool narrow>
RNNX_INLINE void prefetch_input(const Step<narrow>& step, int64_t b, int64_t ahead, int64_t batch) {
  const float* const product = step.product + ahead * batch * gates * step.units;
  for (int g = 0; g < gates; g++)
    prefetch_rows(step.at, product + g * step.units, gates * step.units, b, step.at.units.count);
}
template <bool narrow>
RNNX_INLINE void prefetch_recurrent(const Step<narrow>& step, int64_t b, int64_t ahead, int64_t batch) {
  const float* const sums = step.sums + ahead * batch * step.columns;
  for (int g = 0; g < (narrow ? 1 : gates); g++) prefetch_rows(step.at, sums + g * step.at.span, step.columns, b, 1);
}

/// The two normalised products of all gates, and what they are scaled by.
struct Gates {
  Standard<gates> input, recurrent;
  vf input_scale[gates], recurrent_scale[gates], bias[gates];

  template <bool narrow>
  vf sum(const Step<narrow>& step, int64_t b, int g) const {
    const vf x = (step.input(b, g) - input.mean[g]) * input_scale[g];
    const vf h = (step.recurrent(b, g) - recurrent.mean[g]) * recurrent_scale[g];
    return x + h + bias[g];
  }
};
template <bool narrow>
RNNX_INLINE Gates gates_of(const NormalizedLstm& net, int64_t t, const Lanes<narrow>& at) {
  Gates all;
  all.input = stored<gates>(net.input, t, at, net.units);
  all.recurrent = stored<gates>(net.recurrent, t, at, net.units);
  for (int g = 0; g < gates; g++) {
    const int64_t place = g * net.units + at.units.first;
    all.input_scale[g] = all.input.slope[g] * at.each(net.input.gamma + place);
    all.recurrent_scale[g] = all.recurrent.slope[g] * at.each(net.recurrent.gamma + place);
    all.bias[g] = at.each(net.bias + place);
  }
  return all;
}

template <class Pass>
RNNX_INLINE int64_t cell_at(const Pass& pass, int64_t t, int64_t after, const Units& units) {
  const int64_t slot = pass.layout.slots == pass.net.steps ? t + after : (t + after) % 2;
  return pass.layout.cell + slot * pass.net.batch * pass.layout.padded + units.first;
}

template <bool narrow>
static void forward_units(const NormalizedForward& pass, int64_t t, const Units& units) {
  const NormalizedLstm& net = pass.net;
  const int64_t B = net.batch, H = net.units, padded = pass.layout.padded;
  const Lanes<narrow> at{B, units};
  const Step<narrow> step = step_of<narrow>(pass, t, units);
  const Examples examples = examples_of(net, t);
  const float* const before = pass.memory + cell_at(pass, t, 0, units);
  float* const after = pass.memory + cell_at(pass, t, 1, units);
  float* const hidden = pass.hidden + t * B * H + units.first;
  if (!net.population) {
    measure<gates>(net.input, examples, t, at, H, [&](int64_t b, int g) { return step.input(b, g); });
    measure<gates>(net.recurrent, examples, t, at, H, [&](int64_t b, int g) { return step.recurrent(b, g); });
  }
  const Gates all = gates_of(net, t, at);
  for (int64_t b = 0; b < B; b += at.examples) {
    if (t + 1 < net.steps) prefetch_input(step, b, 1, B);
    prefetch_rows(at, hidden, H, b, 1);
    const vf i = sigmoid(all.sum(step, b, 0));
    const vf f = sigmoid(all.sum(step, b, 1));
    const vf g = tanh(all.sum(step, b, 2));
    at.store_all(after, padded, b, f * at.load_all(before, padded, b) + i * g);
    at.store_there(hidden, H, b, sigmoid(all.sum(step, b, 3)));
  }
  if (!net.population)
    measure<1>(net.readout, examples, t, at, H, [&](int64_t b, int) { return at.load_all(after, padded, b); });
  const Standard<1> read = stored<1>(net.readout, t, at, H);
  const vf scale = read.slope[0] * at.each(net.readout.gamma + units.first);
  const vf beta = at.each(net.beta + units.first);
  for (int64_t b = 0; b < B; b += at.examples) {
    const vf c = tanh((at.load_all(after, padded, b) - read.mean[0]) * scale + beta);
    at.store_there(hidden, H, b, at.load_there(hidden, H, b) * c);
  }
}

RNNX_INLINE void add_lanes(double* sums, vf x, const Units& units) {
  float lane[width];
  store(lane, x);
  for (int64_t j = 0; j < units.count; j++) sums[units.first + j] += static_cast<double>(lane[j]);
}

/// dx of y = gamma (x - mean) slope + beta from d = dy, `scale` being gamma slope: with sums over the examples,
///   dx = scale (d - weight / count (Σ d + standard Σ d standard))
/// and without the sums where the statistics are constants.
template <bool narrow>
static void backward_units(const NormalizedBackward& pass, int64_t t, const Units& units) {
  const NormalizedLstm& net = pass.net;
  const int64_t B = net.batch, H = net.units, padded = pass.layout.padded;
  const Lanes<narrow> at{B, units};
  const int64_t n = units.count;
  constexpr int64_t span = Lanes<narrow>::span;
  const Step<narrow> step = step_of<narrow>(pass, t, units);
  const Examples examples = examples_of(net, t);
  const vf one = splat(1.0f);
  const vf through = net.population ? vf{} : one / splat(examples.count);
  const float* const before = pass.memory + cell_at(pass, t, 0, units);
  const float* const after = pass.memory + cell_at(pass, t, 1, units);
  const float* const d_hidden = pass.d_hidden + t * B * H + units.first;
  float* const d_operand = pass.d_operand + units.first;
  float* const d_cell = pass.d_cell + units.first;
  float* const d_sums = pass.d_sums + units.column;
  float* const d_product = pass.d_product + t * B * gates * H + units.first;
  const Gates all = gates_of(net, t, at);
  const Standard<1> read = stored<1>(net.readout, t, at, H);
  const vf read_scale = read.slope[0] * at.each(net.readout.gamma + units.first);
  const vf beta = at.each(net.beta + units.first);

  // From h to the normalised copy of c; its gradient takes d_operand's place.
  vf sum = {}, sum_standard = {};
  for (int64_t b = 0; b < B; b += at.examples) {
    if (t > 0) {
      prefetch_input(step, b, -1, B);
      prefetch_recurrent(step, b, -1, B);
      prefetch_rows(at, d_hidden - B * H, H, b, n);
      if (t > 1) prefetch_rows(at, before - B * padded, padded, b, 1);
    }
    for (int g = 0; g < gates; g++) prefetch_rows(at, d_product + g * H, gates * H, b, n);
    const vf dh = at.load_there(d_hidden, H, b) + at.load_all(d_operand, padded, b);
    const vf o = sigmoid(all.sum(step, b, 3));
    const vf centred = at.load_all(after, padded, b) - read.mean[0];
    const vf c = tanh(centred * read_scale + beta);
    const vf d = dh * o * (one - c * c);
    sum = sum + d;
    sum_standard = fma(d, centred * read.slope[0], sum_standard);
    at.store_all(d_operand, padded, b, d);
    at.store_all(d_sums + 3 * span, step.columns, b, dh * c * o * (one - o));
  }
  sum = at.total(sum);
  sum_standard = at.total(sum_standard);
  add_lanes(pass.d_beta, sum, units);
  add_lanes(net.readout.d_gamma, sum_standard, units);

  // To the sums of the gates, which the two products share.
  vf total[gates] = {}, input_standard[gates] = {}, recurrent_standard[gates] = {};
  for (int64_t b = 0; b < B; b += at.examples) {
    const vf d = at.load_all(d_operand, padded, b);
    const vf standard = (at.load_all(after, padded, b) - read.mean[0]) * read.slope[0];
    const vf share = through * examples.weight<narrow>(b);
    const vf dc = at.load_all(d_cell, padded, b) + read_scale * (d - share * (sum + standard * sum_standard));
    const vf i = sigmoid(all.sum(step, b, 0));
    const vf f = sigmoid(all.sum(step, b, 1));
    const vf g = tanh(all.sum(step, b, 2));
    const vf da[gates] = {dc * g * i * (one - i), dc * at.load_all(before, padded, b) * f * (one - f),
                          dc * i * (one - g * g), at.load_all(d_sums + 3 * span, step.columns, b)};
    at.store_all(d_cell, padded, b, dc * f);
    for (int k = 0; k < gates; k++) {
      at.store_all(d_sums + k * span, step.columns, b, da[k]);
      total[k] = total[k] + da[k];
      input_standard[k] = fma(da[k], step.input(b, k) - all.input.mean[k], input_standard[k]);
      recurrent_standard[k] = fma(da[k], step.recurrent(b, k) - all.recurrent.mean[k], recurrent_standard[k]);
    }
  }
  for (int k = 0; k < gates; k++) {
    total[k] = at.total(total[k]);
    input_standard[k] = at.total(input_standard[k]) * all.input.slope[k];
    recurrent_standard[k] = at.total(recurrent_standard[k]) * all.recurrent.slope[k];
    const Units column = {k * H + units.first, n, 0};
    add_lanes(pass.d_bias, total[k], column);
    add_lanes(net.input.d_gamma, input_standard[k], column);
    add_lanes(net.recurrent.d_gamma, recurrent_standard[k], column);
  }

  // To the products: what is the same for all examples is multiplied out before.
  vf input_through[gates], recurrent_through[gates];
  for (int k = 0; k < gates; k++) {
    total[k] = through * total[k];
    input_through[k] = through * all.input.slope[k] * input_standard[k];
    recurrent_through[k] = through * all.recurrent.slope[k] * recurrent_standard[k];
  }
  for (int64_t b = 0; b < B; b += at.examples) {
    const vf weight = examples.weight<narrow>(b);
    for (int k = 0; k < gates; k++) {
      const vf da = at.load_all(d_sums + k * span, step.columns, b);
      const vf x = fma(step.input(b, k) - all.input.mean[k], input_through[k], total[k]);
      const vf h = fma(step.recurrent(b, k) - all.recurrent.mean[k], recurrent_through[k], total[k]);
      at.store_there(d_product + k * H, gates * H, b, all.input_scale[k] * (da - weight * x));
      at.store_all(d_sums + k * span, step.columns, b, all.recurrent_scale[k] * (da - weight * h));
    }
  }
}

/// All units of a block, the narrow ones of the last one after another.
template <class Wide, class Narrow>
RNNX_INLINE void go_through(const NormalizedLayout& layout, int64_t units, int64_t block, const Wide& wide,
                            const Narrow& narrow) {
  const auto range = [&](int64_t first, int64_t most) {
    return Units{first, units - first < most ? units - first : most, gates * first};
  };
  if (block < layout.wide) return wide(range(block * width, width));
  for (int64_t first = layout.wide * width; first < units; first += 4) narrow(range(first, 4));
}

static void forward(const NormalizedForward& pass, int64_t t, int64_t block) {
  go_through(
      pass.layout, pass.net.units, block, [&](const Units& units) { forward_units<false>(pass, t, units); },
      [&](const Units& units) { forward_units<true>(pass, t, units); });
}

static void backward(const NormalizedBackward& pass, int64_t t, int64_t block) {
  go_through(
      pass.layout, pass.net.units, block, [&](const Units& units) { backward_units<false>(pass, t, units); },
      [&](const Units& units) { backward_units<true>(pass, t, units); });
}

extern const NormalizedTable normalized_lstm_steps = {width, forward, backward};

}  // namespace rnnx::RNNX_ISA
