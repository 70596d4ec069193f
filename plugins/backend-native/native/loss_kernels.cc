#include "loss_table.h"
#include "simd_math.h"

namespace rnnx::RNNX_ISA {

/// f(index, lanes) over 0 .. n-1 in vectors, the last one partial.
template <class F>
RNNX_INLINE void each(int64_t n, F f) {
  int64_t i = 0;
  for (; i + width <= n; i += width) f(i, static_cast<int64_t>(width));
  if (i < n) f(i, n - i);
}

RNNX_INLINE vf read(const float* p, int64_t lanes) { return lanes == width ? load(p) : load_part(p, lanes); }
RNNX_INLINE void write(float* p, vf x, int64_t lanes) { lanes == width ? store(p, x) : store_part(p, x, lanes); }

/// `x` in the first lanes, `other` in the rest.
RNNX_INLINE vf pad(vf x, int64_t lanes, float other) {
  if (lanes < width)
    for (int64_t i = lanes; i < width; i++) x[i] = other;
  return x;
}

static void add(int64_t n, const float* bias, float* y) {
  each(n, [=](int64_t i, int64_t lanes) { write(y + i, read(y + i, lanes) + read(bias + i, lanes), lanes); });
}

static void column_sums(int64_t rows, int64_t n, const float* x, int64_t stride, float* out) {
  each(n, [=](int64_t i, int64_t lanes) { write(out + i, vf{}, lanes); });
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4, x += 4 * stride)
    each(n, [=](int64_t i, int64_t lanes) {
      const vf pair = read(x + i, lanes) + read(x + stride + i, lanes);
      const vf other = read(x + 2 * stride + i, lanes) + read(x + 3 * stride + i, lanes);
      write(out + i, read(out + i, lanes) + (pair + other), lanes);
    });
  for (; row < rows; row++, x += stride) add(n, x, out);
}

/// log(1 + e) for e in 0 .. 1: twice the inverse hyperbolic tangent of e / (2 + e), by its series.
RNNX_INLINE vf log_one_plus(vf e) {
  const vf s = e / (e + splat(2.0f));
  const vf z = s * s;
  vf p = splat(2.0f / 15);
  p = fma(p, z, splat(2.0f / 13));
  p = fma(p, z, splat(2.0f / 11));
  p = fma(p, z, splat(2.0f / 9));
  p = fma(p, z, splat(2.0f / 7));
  p = fma(p, z, splat(2.0f / 5));
  p = fma(p, z, splat(2.0f / 3));
  return fma(p * z, s, s + s);
}

static float sigmoid_loss(int64_t n, const float* logits, const float* targets) {
  vf total = {};
  each(n, [&](int64_t i, int64_t lanes) {
    const vf x = read(logits + i, lanes);
    const vf t = read(targets + i, lanes);
    // softplus(x) - t x = max(x, 0) - t x + log(1 + exp(-|x|)), where nothing overflows or cancels.
    const vf positive = select(x < splat(0.0f), vf{}, x);
    const vf loss = (positive - t * x) + log_one_plus(exp(-abs(x)));
    total = total + pad(loss, lanes, 0.0f);
  });
  return sum_lanes(total);
}

static void sigmoid_gradient(int64_t n, const float* logits, const float* targets, float dy, float* out) {
  const vf one = splat(1.0f);
  each(n, [=](int64_t i, int64_t lanes) {
    const vf x = read(logits + i, lanes);
    const vf t = read(targets + i, lanes);
    // sigmoid(x) - t = (1 - t) sigmoid(x) - t sigmoid(-x), which does not cancel where the prediction is right.
    const vf e = exp(-abs(x));
    const vf large = one / (one + e);
    const vf small = e * large;
    const vi negative = x < splat(0.0f);
    const vf g = (one - t) * select(negative, small, large) - t * select(negative, large, small);
    write(out + i, g * splat(dy), lanes);
  });
}

extern const LossTable loss_table;
const LossTable loss_table = {add, column_sums, sigmoid_loss, sigmoid_gradient};

}  // namespace rnnx::RNNX_ISA
