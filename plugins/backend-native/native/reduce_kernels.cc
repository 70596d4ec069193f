#include "reduce.h"
#include "simd_math.h"

namespace rnnx::RNNX_ISA {
namespace {

typedef double vd __attribute__((vector_size(width * 8)));

RNNX_INLINE vd widen(vf x) { return __builtin_convertvector(x, vd); }

RNNX_INLINE double add_lanes(vd x) {
  double lane[width];
  std::memcpy(lane, &x, sizeof x);
  for (int half = width / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

double sum(const float* x, int64_t n) {
  vd even = {}, odd = {};
  int64_t k = 0;
  for (; k + 2 * width <= n; k += 2 * width) {
    even += widen(load(x + k));
    odd += widen(load(x + k + width));
  }
  for (; k + width <= n; k += width) even += widen(load(x + k));
  if (k < n) odd += widen(load_part(x + k, n - k));
  return add_lanes(even + odd);
}

struct Larger {
  static constexpr float start = -__builtin_inff();
  template <class T>
  static inline __attribute__((always_inline)) auto better(T x, T y) {
    return (x > y) | (x != x);
  }
};

struct Smaller {
  static constexpr float start = __builtin_inff();
  template <class T>
  static inline __attribute__((always_inline)) auto better(T x, T y) {
    return (x < y) | (x != x);
  }
};

/// NaN, once met, stays.
template <class Order>
RNNX_INLINE float extreme(const float* x, int64_t n) {
  float best = Order::start;
  int64_t k = 0;
  if (n >= width) {
    vf lanes = load(x);
    for (k = width; k + width <= n; k += width) {
      const vf v = load(x + k);
      lanes = select(Order::better(v, lanes), v, lanes);
    }
    for (int i = 0; i < width; i++)
      if (Order::better(lanes[i], best)) best = lanes[i];
  }
  for (; k < n; k++)
    if (Order::better(x[k], best)) best = x[k];
  return best;
}

float max_row(const float* x, int64_t n) { return extreme<Larger>(x, n); }
float min_row(const float* x, int64_t n) { return extreme<Smaller>(x, n); }

void sum_columns(const float* x, int64_t rows, int64_t stride, float* out, int64_t begin, int64_t end, double divisor) {
  constexpr int group = 4;
  int64_t j = begin;
  const auto finish = [divisor](vd total) { return __builtin_convertvector(total / divisor, vf); };
  for (; j + group * width <= end; j += group * width) {
    vd total[group] = {};
    const float* row = x + j;
    for (int64_t i = 0; i < rows; i++, row += stride)
      for (int g = 0; g < group; g++) total[g] += widen(load(row + g * width));
    for (int g = 0; g < group; g++) store(out + j + g * width, finish(total[g]));
  }
  for (; j < end; j += width) {
    const int64_t n = end - j < width ? end - j : width;
    vd total = {};
    const float* row = x + j;
    for (int64_t i = 0; i < rows; i++, row += stride) total += widen(load_part(row, n));
    store_part(out + j, finish(total), n);
  }
}

template <class Order>
RNNX_INLINE void extreme_columns(const float* x, int64_t rows, int64_t stride, float* out, int64_t begin, int64_t end) {
  for (int64_t j = begin; j < end; j += width) {
    const int64_t n = end - j < width ? end - j : width;
    vf best = splat(Order::start);
    const float* row = x + j;
    for (int64_t i = 0; i < rows; i++, row += stride) {
      const vf v = load_part(row, n);
      best = select(Order::better(v, best), v, best);
    }
    store_part(out + j, best, n);
  }
}

void max_columns(const float* x, int64_t rows, int64_t stride, float* out, int64_t begin, int64_t end) {
  extreme_columns<Larger>(x, rows, stride, out, begin, end);
}

void min_columns(const float* x, int64_t rows, int64_t stride, float* out, int64_t begin, int64_t end) {
  extreme_columns<Smaller>(x, rows, stride, out, begin, end);
}

void softmax(const float* x, float* out, int64_t n) {
  const vf most = splat(max_row(x, n));
  vd total = {};
  int64_t k = 0;
  for (; k + width <= n; k += width) {
    const vf power = exp(load(x + k) - most);
    store(out + k, power);
    total += widen(power);
  }
  if (k < n) {
    store_part(out + k, exp(load_part(x + k, n - k) - most), n - k);
    total += widen(load_part(out + k, n - k));
  }
  const vf sum = splat(static_cast<float>(add_lanes(total)));
  for (k = 0; k + width <= n; k += width) store(out + k, load(out + k) / sum);
  if (k < n) store_part(out + k, load_part(out + k, n - k) / sum, n - k);
}

void segment_sum(const float* x, const int32_t* segment, int64_t rows, int64_t row_width, int64_t segments, float* out,
                 int64_t begin, int64_t end) {
  for (int64_t i = 0; i < rows; i++) {
    const int64_t to = segment[i];
    if (to < 0 || to >= segments) continue;
    const float* from = x + i * row_width;
    float* into = out + to * row_width;
    int64_t j = begin;
    for (; j + width <= end; j += width) store(into + j, load(into + j) + load(from + j));
    if (j < end) store_part(into + j, load_part(into + j, end - j) + load_part(from + j, end - j), end - j);
  }
}

}  // namespace

extern const ReduceTable reduce_table = {sum,         max_row, min_row,    sum_columns, max_columns,
                                         min_columns, softmax, segment_sum};

}  // namespace rnnx::RNNX_ISA
