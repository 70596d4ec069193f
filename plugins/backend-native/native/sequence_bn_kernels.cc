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

/// The units of a block: the first, and how many are there.
struct Units {
  int64_t first, count;
};
RNNX_INLINE Units units_of(const NormalizedLstm& net, int64_t block) {
  const int64_t first = block * width;
  return {first, net.units - first < width ? net.units - first : width};
}

/// Weights of the examples at one step in its statistics, and their sum (at least 1).
struct Examples {
  const float* mask;
  float count;
  vf weight(int64_t b) const;
};
RNNX_INLINE Examples examples_of(const NormalizedLstm& net, int64_t t) {
  if (net.mask == nullptr) return {nullptr, static_cast<float>(net.batch)};
  const float* const mask = net.mask + t * net.batch;
  float sum = 0;
  for (int64_t b = 0; b < net.batch; b++) sum += mask[b];
  return {mask, sum > 1.0f ? sum : 1.0f};
}
inline __attribute__((always_inline)) vf Examples::weight(int64_t b) const {
  return mask == nullptr ? splat(1.0f) : splat(mask[b]);
}

/// N quantities of a block to be normalised: x -> (x - mean) * slope, with slope = 1 / sqrt(variance + epsilon).
template <int N>
struct Standard {
  vf mean[N], slope[N];
};

/// From stored statistics `[T, N * H]`.
template <int N>
RNNX_INLINE Standard<N> stored(const BatchNorm& norm, int64_t t, const Units& units, int64_t H) {
  Standard<N> s;
  for (int g = 0; g < N; g++) {
    const int64_t at = (t * N + g) * H + units.first;
    s.mean[g] = lanes(norm.mean + at, units.count);
    s.slope[g] = splat(1.0f) / sqrt(lanes(norm.variance + at, units.count) + splat(norm.epsilon));
  }
  return s;
}

/// Of the minibatch, which are stored; x(b, g) gives the quantity. Two passes: the variance cannot cancel.
template <int N, class X>
RNNX_INLINE void measure(const BatchNorm& norm, const Examples& examples, int64_t batch, int64_t t, const Units& units,
                         int64_t H, const X& x) {
  vf mean[N], sum[N];
  const vf count = splat(examples.count);
  for (int g = 0; g < N; g++) sum[g] = vf{};
  if (examples.mask == nullptr)
    for (int64_t b = 0; b < batch; b++)
      for (int g = 0; g < N; g++) sum[g] = sum[g] + x(b, g);
  else
    for (int64_t b = 0; b < batch; b++)
      for (int g = 0; g < N; g++) sum[g] = sum[g] + x(b, g) * examples.weight(b);
  for (int g = 0; g < N; g++) {
    mean[g] = sum[g] / count;
    sum[g] = vf{};
  }
  if (examples.mask == nullptr)
    for (int64_t b = 0; b < batch; b++)
      for (int g = 0; g < N; g++) {
        const vf centred = x(b, g) - mean[g];
        sum[g] = fma(centred, centred, sum[g]);
      }
  else
    for (int64_t b = 0; b < batch; b++)
      for (int g = 0; g < N; g++) {
        const vf centred = x(b, g) - mean[g];
        sum[g] = fma(centred * examples.weight(b), centred, sum[g]);
      }
  for (int g = 0; g < N; g++) {
    const int64_t at = (t * N + g) * H + units.first;
    store_lanes(norm.mean + at, mean[g], units.count);
    store_lanes(norm.variance + at, sum[g] / count, units.count);
  }
}

/// What a step reads of one example, and the parameters of its units.
struct Step {
  const float* product;  // [B, 4H] from the block's first unit on
  const float* sums;     // [B, 4 * padded] from the block on
  int64_t units;         // H
  int64_t columns;       // 4 * padded
  int64_t count;

  vf input(int64_t b, int g) const;
  vf recurrent(int64_t b, int g) const;
};
inline __attribute__((always_inline)) vf Step::input(int64_t b, int g) const {
  return lanes(product + (b * gates + g) * units, count);
}
inline __attribute__((always_inline)) vf Step::recurrent(int64_t b, int g) const {
  return load(sums + b * columns + g * width);
}

template <class Pass>
RNNX_INLINE Step step_of(const Pass& pass, int64_t t, int64_t block, const Units& units) {
  const int64_t B = pass.net.batch, columns = gates * pass.layout.padded;
  const int64_t slot = pass.layout.slots == 1 ? 0 : t;
  return {pass.product + t * B * gates * pass.net.units + units.first,
          pass.memory + pass.layout.sums + slot * B * columns + block * gates * width, pass.net.units, columns,
          units.count};
}

/// Rows of a block lie too far apart for the hardware to see what comes next: asks for one example's part of the input
/// product `ahead` steps on.
RNNX_INLINE void prefetch_input(const Step& step, int64_t b, int64_t ahead, int64_t batch) {
  for (int g = 0; g < gates; g++) {
    const float* const row = step.product + ((ahead * batch + b) * gates + g) * step.units;
    __builtin_prefetch(row);
    __builtin_prefetch(row + step.count - 1);
  }
}
RNNX_INLINE void prefetch_recurrent(const Step& step, int64_t b, int64_t ahead, int64_t batch) {
  for (int g = 0; g < gates; g++)
    __builtin_prefetch(step.sums + (ahead * batch + b) * step.columns + g * width);
}

/// The two normalised products of all gates, and what they are scaled by.
struct Gates {
  Standard<gates> input, recurrent;
  vf input_scale[gates], recurrent_scale[gates], bias[gates];

  vf sum(const Step& step, int64_t b, int g) const;
};
inline __attribute__((always_inline)) vf Gates::sum(const Step& step, int64_t b, int g) const {
  const vf x = (step.input(b, g) - input.mean[g]) * input_scale[g];
  const vf h = (step.recurrent(b, g) - recurrent.mean[g]) * recurrent_scale[g];
  return x + h + bias[g];
}
RNNX_INLINE Gates gates_of(const NormalizedLstm& net, int64_t t, const Units& units) {
  Gates all;
  all.input = stored<gates>(net.input, t, units, net.units);
  all.recurrent = stored<gates>(net.recurrent, t, units, net.units);
  for (int g = 0; g < gates; g++) {
    const int64_t at = g * net.units + units.first;
    all.input_scale[g] = all.input.slope[g] * lanes(net.input.gamma + at, units.count);
    all.recurrent_scale[g] = all.recurrent.slope[g] * lanes(net.recurrent.gamma + at, units.count);
    all.bias[g] = lanes(net.bias + at, units.count);
  }
  return all;
}

template <class Pass>
RNNX_INLINE int64_t cell_at(const Pass& pass, int64_t t, int64_t after, const Units& units) {
  const int64_t slot = pass.layout.slots == pass.net.steps ? t + after : (t + after) % 2;
  return pass.layout.cell + slot * pass.net.batch * pass.layout.padded + units.first;
}

static void forward(const NormalizedForward& pass, int64_t t, int64_t block) {
  const NormalizedLstm& net = pass.net;
  const int64_t B = net.batch, H = net.units, padded = pass.layout.padded;
  const Units units = units_of(net, block);
  const Step step = step_of(pass, t, block, units);
  const Examples examples = examples_of(net, t);
  const float* const before = pass.memory + cell_at(pass, t, 0, units);
  float* const after = pass.memory + cell_at(pass, t, 1, units);
  float* const hidden = pass.hidden + t * B * H + units.first;
  if (!net.population) {
    measure<gates>(net.input, examples, B, t, units, H, [&](int64_t b, int g) { return step.input(b, g); });
    measure<gates>(net.recurrent, examples, B, t, units, H, [&](int64_t b, int g) { return step.recurrent(b, g); });
  }
  const Gates all = gates_of(net, t, units);
  for (int64_t b = 0; b < B; b++) {
    if (t + 1 < net.steps) prefetch_input(step, b, 1, B);
    __builtin_prefetch(hidden + b * H, 1);
    const vf i = sigmoid(all.sum(step, b, 0));
    const vf f = sigmoid(all.sum(step, b, 1));
    const vf g = tanh(all.sum(step, b, 2));
    store(after + b * padded, f * load(before + b * padded) + i * g);
    store_lanes(hidden + b * H, sigmoid(all.sum(step, b, 3)), units.count);
  }
  if (!net.population)
    measure<1>(net.readout, examples, B, t, units, H, [&](int64_t b, int) { return load(after + b * padded); });
  const Standard<1> read = stored<1>(net.readout, t, units, H);
  const vf scale = read.slope[0] * lanes(net.readout.gamma + units.first, units.count);
  const vf beta = lanes(net.beta + units.first, units.count);
  for (int64_t b = 0; b < B; b++) {
    const vf c = tanh((load(after + b * padded) - read.mean[0]) * scale + beta);
    store_lanes(hidden + b * H, lanes(hidden + b * H, units.count) * c, units.count);
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
static void backward(const NormalizedBackward& pass, int64_t t, int64_t block) {
  const NormalizedLstm& net = pass.net;
  const int64_t B = net.batch, H = net.units, padded = pass.layout.padded;
  const Units units = units_of(net, block);
  const int64_t n = units.count;
  const Step step = step_of(pass, t, block, units);
  const Examples examples = examples_of(net, t);
  const vf one = splat(1.0f);
  const vf through = net.population ? vf{} : one / splat(examples.count);
  const float* const before = pass.memory + cell_at(pass, t, 0, units);
  const float* const after = pass.memory + cell_at(pass, t, 1, units);
  const float* const d_hidden = pass.d_hidden + t * B * H + units.first;
  float* const d_operand = pass.d_operand + units.first;
  float* const d_cell = pass.d_cell + units.first;
  float* const d_sums = pass.d_sums + block * gates * width;
  float* const d_product = pass.d_product + t * B * gates * H + units.first;
  const Gates all = gates_of(net, t, units);
  const Standard<1> read = stored<1>(net.readout, t, units, H);
  const vf read_scale = read.slope[0] * lanes(net.readout.gamma + units.first, n);
  const vf beta = lanes(net.beta + units.first, n);

  // From h to the normalised copy of c; its gradient takes d_operand's place.
  vf sum = {}, sum_standard = {};
  for (int64_t b = 0; b < B; b++) {
    if (t > 0) {
      prefetch_input(step, b, -1, B);
      prefetch_recurrent(step, b, -1, B);
      __builtin_prefetch(d_hidden - (B - b) * H);
      __builtin_prefetch(d_hidden - (B - b) * H + n - 1);
      if (t > 1) __builtin_prefetch(before - (B - b) * padded);
    }
    for (int g = 0; g < gates; g++) {
      __builtin_prefetch(d_product + (b * gates + g) * H, 1);
      __builtin_prefetch(d_product + (b * gates + g) * H + n - 1, 1);
    }
    const vf dh = lanes(d_hidden + b * H, n) + load(d_operand + b * padded);
    const vf o = sigmoid(all.sum(step, b, 3));
    const vf centred = load(after + b * padded) - read.mean[0];
    const vf c = tanh(centred * read_scale + beta);
    const vf d = dh * o * (one - c * c);
    sum = sum + d;
    sum_standard = fma(d, centred * read.slope[0], sum_standard);
    store(d_operand + b * padded, d);
    store(d_sums + b * step.columns + 3 * width, dh * c * o * (one - o));
  }
  add_lanes(pass.d_beta, sum, units);
  add_lanes(net.readout.d_gamma, sum_standard, units);

  // To the sums of the gates, which the two products share.
  vf total[gates] = {}, input_standard[gates] = {}, recurrent_standard[gates] = {};
  for (int64_t b = 0; b < B; b++) {
    const vf d = load(d_operand + b * padded);
    const vf standard = (load(after + b * padded) - read.mean[0]) * read.slope[0];
    const vf share = through * examples.weight(b);
    const vf dc = load(d_cell + b * padded) + read_scale * (d - share * (sum + standard * sum_standard));
    const vf i = sigmoid(all.sum(step, b, 0));
    const vf f = sigmoid(all.sum(step, b, 1));
    const vf g = tanh(all.sum(step, b, 2));
    float* const row = d_sums + b * step.columns;
    const vf da[gates] = {dc * g * i * (one - i), dc * load(before + b * padded) * f * (one - f),
                          dc * i * (one - g * g), load(row + 3 * width)};
    store(d_cell + b * padded, dc * f);
    for (int k = 0; k < gates; k++) {
      store(row + k * width, da[k]);
      total[k] = total[k] + da[k];
      input_standard[k] = fma(da[k], (step.input(b, k) - all.input.mean[k]) * all.input.slope[k], input_standard[k]);
      recurrent_standard[k] =
          fma(da[k], (step.recurrent(b, k) - all.recurrent.mean[k]) * all.recurrent.slope[k], recurrent_standard[k]);
    }
  }
  for (int k = 0; k < gates; k++) {
    const Units column = {k * H + units.first, n};
    add_lanes(pass.d_bias, total[k], column);
    add_lanes(net.input.d_gamma, input_standard[k], column);
    add_lanes(net.recurrent.d_gamma, recurrent_standard[k], column);
  }

  // To the products.
  for (int64_t b = 0; b < B; b++) {
    const vf share = through * examples.weight(b);
    float* const row = d_sums + b * step.columns;
    for (int k = 0; k < gates; k++) {
      const vf da = load(row + k * width);
      const vf x = (step.input(b, k) - all.input.mean[k]) * all.input.slope[k];
      const vf h = (step.recurrent(b, k) - all.recurrent.mean[k]) * all.recurrent.slope[k];
      store_lanes(d_product + (b * gates + k) * H,
                  all.input_scale[k] * (da - share * (total[k] + x * input_standard[k])), n);
      store(row + k * width, all.recurrent_scale[k] * (da - share * (total[k] + h * recurrent_standard[k])));
    }
  }
}

extern const NormalizedTable normalized_lstm_steps = {width, forward, backward};

}  // namespace rnnx::RNNX_ISA
