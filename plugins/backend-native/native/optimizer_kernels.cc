#include "optimizers.h"
#include "simd.h"

namespace rnnx::RNNX_ISA {

template <class F>
RNNX_INLINE void each(int64_t n, F f) {
  int64_t i = 0;
  for (; i + width <= n; i += width) f(i, static_cast<int64_t>(width));
  if (i < n) f(i, n - i);
}

RNNX_INLINE vf read(const float* p, int64_t lanes) { return lanes == width ? load(p) : load_part(p, lanes); }
RNNX_INLINE void write(float* p, vf x, int64_t lanes) { lanes == width ? store(p, x) : store_part(p, x, lanes); }

/// Stores new weights and adds zero to `sound`, or NaN where one is not finite.
RNNX_INLINE void write_weights(float* p, vf x, int64_t lanes, vf& sound) {
  write(p, x, lanes);
  // Lanes that do not count may hold anything.
  const vf kept = lanes == width ? x : load_part(p, lanes);
  sound = sound + (kept - kept);
}

static bool sgd(const Step& s) {
  vf sound = {};
  each(s.n, [&](int64_t i, int64_t lanes) {
    const vf g = read(s.gradient + i, lanes) * splat(s.scale);
    write_weights(s.out + i, read(s.weight + i, lanes) - g * splat(s.rate), lanes, sound);
  });
  return sum_lanes(sound) == 0.0f;
}

static bool momentum(const Step& s, const float* velocity, float mu, float* velocity_out) {
  vf sound = {};
  each(s.n, [&](int64_t i, int64_t lanes) {
    const vf g = read(s.gradient + i, lanes) * splat(s.scale);
    const vf v = read(velocity + i, lanes) * splat(mu) - g * splat(s.rate);
    const vf w = read(s.weight + i, lanes);
    write(velocity_out + i, v, lanes);
    write_weights(s.out + i, w + v, lanes, sound);
  });
  return sum_lanes(sound) == 0.0f;
}

static bool adam(const Step& s, const float* mean, const float* square, const AdamConstants& c, float* mean_out,
                 float* square_out) {
  vf sound = {};
  each(s.n, [&](int64_t i, int64_t lanes) {
    const vf g = read(s.gradient + i, lanes) * splat(s.scale);
    const vf w = read(s.weight + i, lanes);
    const vf m = read(mean + i, lanes) * splat(c.beta1) + g * splat(c.rest1);
    const vf q = read(square + i, lanes) * splat(c.beta2) + g * g * splat(c.rest2);
    write(mean_out + i, m, lanes);
    write(square_out + i, q, lanes);
    write_weights(s.out + i, w - m / (sqrt(q * splat(c.correction)) + splat(c.epsilon)) * splat(s.rate), lanes, sound);
  });
  return sum_lanes(sound) == 0.0f;
}

static bool rmsprop(const Step& s, const float* velocity, const float* square, float decay, float rest, float mu,
                    float epsilon, float* velocity_out, float* square_out) {
  vf sound = {};
  each(s.n, [&](int64_t i, int64_t lanes) {
    const vf g = read(s.gradient + i, lanes) * splat(s.scale);
    const vf w = read(s.weight + i, lanes);
    const vf q = read(square + i, lanes) * splat(decay) + g * g * splat(rest);
    const vf v = read(velocity + i, lanes) * splat(mu) + g * splat(s.rate) / sqrt(q + splat(epsilon));
    write(square_out + i, q, lanes);
    write(velocity_out + i, v, lanes);
    write_weights(s.out + i, w - v, lanes, sound);
  });
  return sum_lanes(sound) == 0.0f;
}

static void average(int64_t n, const float* mean, const float* weight, float part, float* out) {
  each(n, [=](int64_t i, int64_t lanes) {
    const vf m = read(mean + i, lanes);
    write(out + i, m + (read(weight + i, lanes) - m) * splat(part), lanes);
  });
}

static void add_squares(int64_t n, const float* x, int64_t begin, int64_t end, SquareLanes& lanes) {
  const int64_t whole = n / 8 * 8;
  int64_t i = begin;
  const auto add_one = [&] {
    lanes.sum[i < whole ? i % 8 : 0] += static_cast<double>(x[i]) * x[i];
    i++;
  };
  while (i < end && i % 8 != 0) add_one();
  for (; i + 8 <= end && i < whole; i += 8)
    for (int j = 0; j < 8; j++) lanes.sum[j] += static_cast<double>(x[i + j]) * x[i + j];
  while (i < end) add_one();
}

static double sum_squares(int64_t n, const float* x) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += squares_together) {
    const int64_t end = n - begin < squares_together ? n : begin + squares_together;
    SquareLanes lanes = {};
    int64_t i = begin;
    for (; i + 8 <= end; i += 8)
      for (int j = 0; j < 8; j++) lanes.sum[j] += static_cast<double>(x[i + j]) * x[i + j];
    for (; i < end; i++) lanes.sum[0] += static_cast<double>(x[i]) * x[i];
    total += lanes.take();
  }
  return total;
}

extern const OptimizerTable optimizer_table;
const OptimizerTable optimizer_table = {sgd, momentum, adam, rmsprop, average, sum_squares, add_squares};

}  // namespace rnnx::RNNX_ISA
