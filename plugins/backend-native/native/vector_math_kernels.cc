#include "simd_math.h"
#include "vector_math.h"

namespace rnnx::RNNX_ISA {

template <class F>
RNNX_INLINE void map(int64_t n, const float* x, float* y, F f) {
  int64_t i = 0;
  for (; i + width <= n; i += width) store(y + i, f(load(x + i)));
  if (i < n) store_part(y + i, f(load_part(x + i, n - i)), n - i);
}

static void exp_all(int64_t n, const float* x, float* y) {
  map(n, x, y, [](vf v) { return exp(v); });
}
static void log_all(int64_t n, const float* x, float* y) {
  map(n, x, y, [](vf v) { return log(v); });
}
static void tanh_all(int64_t n, const float* x, float* y) {
  map(n, x, y, [](vf v) { return tanh(v); });
}
static void sigmoid_all(int64_t n, const float* x, float* y) {
  map(n, x, y, [](vf v) { return sigmoid(v); });
}

/// Four chains, so that additions overlap; joined by halves.
template <class F>
RNNX_INLINE float reduce(int64_t n, F term) {
  vf sum[4] = {};
  int64_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width)
    for (int j = 0; j < 4; j++) sum[j] = term(sum[j], i + j * width, width);
  for (; i < n; i += width) sum[0] = term(sum[0], i, n - i < width ? n - i : width);
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static float sum(int64_t n, const float* x) {
  return reduce(n, [x](vf total, int64_t i, int64_t lanes) {
    return total + (lanes == width ? load(x + i) : load_part(x + i, lanes));
  });
}

static float dot(int64_t n, const float* x, const float* y) {
  return reduce(n, [x, y](vf total, int64_t i, int64_t lanes) {
    return lanes == width ? fma(load(x + i), load(y + i), total)
                          : fma(load_part(x + i, lanes), load_part(y + i, lanes), total);
  });
}

static double sum_squares(int64_t n, const float* x) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += 1024) {
    const int64_t end = n - begin < 1024 ? n : begin + 1024;
    double lane[8] = {};
    int64_t i = begin;
    for (; i + 8 <= end; i += 8)
      for (int j = 0; j < 8; j++) lane[j] += static_cast<double>(x[i + j]) * x[i + j];
    for (; i < end; i++) lane[0] += static_cast<double>(x[i]) * x[i];
    total += ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
  }
  return total;
}

extern const VectorMathTable vector_math_table;
const VectorMathTable vector_math_table = {exp_all, log_all, tanh_all, sigmoid_all, sum, dot, sum_squares};

}  // namespace rnnx::RNNX_ISA
