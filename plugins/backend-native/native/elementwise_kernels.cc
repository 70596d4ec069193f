#include <math.h>

#include "elementwise.h"
#include "simd_math.h"

namespace rnnx::RNNX_ISA {
namespace {

/// Calls run(i, strideA, j, strideB, at, n) for each piece of a row of the result in [begin, end).
template <class Run>
RNNX_INLINE void walk(const Broadcast& plan, int64_t begin, int64_t end, const Run& run) {
  const int last = plan.rank - 1;
  int64_t index[kMaxRank];
  int64_t i = 0, j = 0, rest = begin;
  for (int axis = last; axis >= 0; axis--) {
    index[axis] = rest % plan.size[axis];
    rest /= plan.size[axis];
    i += index[axis] * plan.a[axis];
    j += index[axis] * plan.b[axis];
  }
  for (int64_t at = begin; at < end;) {
    const int64_t left = plan.size[last] - index[last];
    const int64_t n = left < end - at ? left : end - at;
    run(i, plan.a[last], j, plan.b[last], at, n);
    at += n;
    i += n * plan.a[last];
    j += n * plan.b[last];
    index[last] += n;
    for (int axis = last; axis > 0 && index[axis] == plan.size[axis]; axis--) {
      i += plan.a[axis - 1] - plan.size[axis] * plan.a[axis];
      j += plan.b[axis - 1] - plan.size[axis] * plan.b[axis];
      index[axis] = 0;
      index[axis - 1]++;
    }
  }
}

template <class Op>
RNNX_INLINE void vector_row(const Op& op, const float* a, int64_t strideA, const float* b, int64_t strideB, float* out,
                            int64_t n) {
  const vf oneA = splat(a[0]);
  const vf oneB = splat(b[0]);
  int64_t k = 0;
  if (strideA != 0 && strideB != 0)
    for (; k + width <= n; k += width) store(out + k, op(load(a + k), load(b + k)));
  else if (strideA != 0)
    for (; k + width <= n; k += width) store(out + k, op(load(a + k), oneB));
  else if (strideB != 0)
    for (; k + width <= n; k += width) store(out + k, op(oneA, load(b + k)));
  else
    for (const vf value = op(oneA, oneB); k + width <= n; k += width) store(out + k, value);
  if (k == n) return;
  const vf restA = strideA != 0 ? load_part(a + k, n - k) : oneA;
  const vf restB = strideB != 0 ? load_part(b + k, n - k) : oneB;
  store_part(out + k, op(restA, restB), n - k);
}

template <class Op>
RNNX_INLINE void vector_binary(const Broadcast& plan, const float* a, const float* b, float* out, int64_t begin,
                               int64_t end, const Op& op) {
  walk(plan, begin, end, [&](int64_t i, int64_t strideA, int64_t j, int64_t strideB, int64_t at, int64_t n) {
    vector_row(op, a + i, strideA, b + j, strideB, out + at, n);
  });
}

/// For what has no vector form, and for results of another type, which the compiler vectorises itself.
template <class In, class Out, class Op>
RNNX_INLINE void scalar_binary(const Broadcast& plan, const In* a, const In* b, Out* out, int64_t begin, int64_t end,
                               const Op& op) {
  walk(plan, begin, end, [&](int64_t i, int64_t strideA, int64_t j, int64_t strideB, int64_t at, int64_t n) {
    const In* x = a + i;
    const In* y = b + j;
    Out* to = out + at;
    if (strideA != 0 && strideB != 0)
      for (int64_t k = 0; k < n; k++) to[k] = op(x[k], y[k]);
    else if (strideA != 0)
      for (int64_t k = 0; k < n; k++) to[k] = op(x[k], y[0]);
    else
      for (int64_t k = 0; k < n; k++) to[k] = op(x[0], y[k * strideB]);
  });
}

void binary(Binary op, const Broadcast& plan, const float* a, const float* b, float* out, int64_t begin, int64_t end) {
  switch (op) {
    case Binary::add: return vector_binary(plan, a, b, out, begin, end, [](vf x, vf y) { return x + y; });
    case Binary::sub: return vector_binary(plan, a, b, out, begin, end, [](vf x, vf y) { return x - y; });
    case Binary::mul: return vector_binary(plan, a, b, out, begin, end, [](vf x, vf y) { return x * y; });
    case Binary::div: return vector_binary(plan, a, b, out, begin, end, [](vf x, vf y) { return x / y; });
    case Binary::maximum:  // NaN on either side stays
      return vector_binary(plan, a, b, out, begin, end, [](vf x, vf y) { return select((x > y) | (x != x), x, y); });
    case Binary::minimum:
      return vector_binary(plan, a, b, out, begin, end, [](vf x, vf y) { return select((x < y) | (x != x), x, y); });
    case Binary::squared_difference:
      return vector_binary(plan, a, b, out, begin, end, [](vf x, vf y) { return (x - y) * (x - y); });
    case Binary::elu_grad:  // of dy and the result y of elu
      return vector_binary(plan, a, b, out, begin, end, [](vf dy, vf y) {
        return select(y >= splat(0.0f), dy, dy * (y + splat(1.0f)));
      });
    case Binary::pow:
      return scalar_binary(plan, a, b, out, begin, end, [](float x, float y) {
        // JavaScript: NaN where C has 1.
        if (y != y || ((x == 1.0f || x == -1.0f) && __builtin_isinf(y))) return __builtin_nanf("");
        return static_cast<float>(::pow(x, y));
      });
    case Binary::count: return;
  }
}

template <class T>
RNNX_INLINE void compare(Compare op, const Broadcast& plan, const T* a, const T* b, uint8_t* out, int64_t begin,
                         int64_t end) {
  switch (op) {
    case Compare::equal: return scalar_binary(plan, a, b, out, begin, end, [](T x, T y) -> uint8_t { return x == y; });
    case Compare::not_equal:
      return scalar_binary(plan, a, b, out, begin, end, [](T x, T y) -> uint8_t { return x != y; });
    case Compare::greater:
      return scalar_binary(plan, a, b, out, begin, end, [](T x, T y) -> uint8_t { return x > y; });
    case Compare::greater_equal:
      return scalar_binary(plan, a, b, out, begin, end, [](T x, T y) -> uint8_t { return x >= y; });
    case Compare::less: return scalar_binary(plan, a, b, out, begin, end, [](T x, T y) -> uint8_t { return x < y; });
    case Compare::less_equal:
      return scalar_binary(plan, a, b, out, begin, end, [](T x, T y) -> uint8_t { return x <= y; });
    case Compare::count: return;
  }
}

void compare_float(Compare op, const Broadcast& plan, const float* a, const float* b, uint8_t* out, int64_t begin,
                   int64_t end) {
  compare(op, plan, a, b, out, begin, end);
}

void compare_int(Compare op, const Broadcast& plan, const int32_t* a, const int32_t* b, uint8_t* out, int64_t begin,
                 int64_t end) {
  compare(op, plan, a, b, out, begin, end);
}

void logical(Logical op, const Broadcast& plan, const uint8_t* a, const uint8_t* b, uint8_t* out, int64_t begin,
             int64_t end) {
  if (op == Logical::logical_and)
    scalar_binary(plan, a, b, out, begin, end, [](uint8_t x, uint8_t y) -> uint8_t { return (x != 0) & (y != 0); });
  else
    scalar_binary(plan, a, b, out, begin, end, [](uint8_t x, uint8_t y) -> uint8_t { return (x | y) != 0; });
}

template <class Op>
RNNX_INLINE void vector_unary(const float* x, float* out, int64_t begin, int64_t end, const Op& op) {
  int64_t k = begin;
  for (; k + width <= end; k += width) store(out + k, op(load(x + k)));
  if (k < end) store_part(out + k, op(load_part(x + k, end - k)), end - k);
}

template <class Op>
RNNX_INLINE void scalar_unary(const float* x, float* out, int64_t begin, int64_t end, const Op& op) {
  for (int64_t k = begin; k < end; k++) out[k] = op(x[k]);
}

// log(1 + x) and exp(x) - 1 without cancellation: W. Kahan's corrections of log and exp by what their argument lost.
RNNX_INLINE vf log1p(vf x) {
  const vf one = splat(1.0f);
  const vf u = one + x;
  const vf y = log(u) * (x / (u - one));
  return select(u == one, x, select(u == splat(__builtin_inff()), u, y));
}

RNNX_INLINE vf expm1(vf x) {
  const vf one = splat(1.0f);
  const vf u = exp(x);
  const vf less = u - one;
  const vf y = less * (x / log(u));
  return select(u == one, x, select((less == -one) | (u == splat(__builtin_inff())), less, y));
}

RNNX_INLINE vf softplus(vf x) {
  const vf zero = {};
  return select(x > zero, x, zero) + log1p(exp(-abs(x)));
}

void unary(Unary op, const float* x, float* out, int64_t begin, int64_t end, float alpha, float beta) {
  const vf zero = {};
  const vf one = splat(1.0f);
  const vf low = splat(alpha);
  const vf high = splat(beta);
  switch (op) {
    case Unary::exp: return vector_unary(x, out, begin, end, [](vf v) { return exp(v); });
    case Unary::log: return vector_unary(x, out, begin, end, [](vf v) { return log(v); });
    case Unary::log1p: return vector_unary(x, out, begin, end, [](vf v) { return log1p(v); });
    case Unary::expm1: return vector_unary(x, out, begin, end, [](vf v) { return expm1(v); });
    case Unary::tanh: return vector_unary(x, out, begin, end, [](vf v) { return tanh(v); });
    case Unary::sigmoid: return vector_unary(x, out, begin, end, [](vf v) { return sigmoid(v); });
    case Unary::softplus: return vector_unary(x, out, begin, end, [](vf v) { return softplus(v); });
    case Unary::relu:
      return vector_unary(x, out, begin, end, [=](vf v) { return select((v > zero) | (v != v), v, zero); });
    case Unary::relu6:
      return vector_unary(x, out, begin, end, [=](vf v) {
        const vf six = splat(6.0f);
        const vf bounded = select(v > six, six, v);
        return select((bounded > zero) | (v != v), bounded, zero);
      });
    case Unary::leaky_relu:
      return vector_unary(x, out, begin, end, [=](vf v) { return select(v < zero, low * v, v); });
    case Unary::elu: return vector_unary(x, out, begin, end, [=](vf v) { return select(v >= zero, v, expm1(v)); });
    case Unary::neg: return vector_unary(x, out, begin, end, [](vf v) { return -v; });
    case Unary::abs: return vector_unary(x, out, begin, end, [](vf v) { return abs(v); });
    case Unary::sign:
      return vector_unary(x, out, begin, end, [=](vf v) { return select(v > zero, one, select(v < zero, -one, zero)); });
    case Unary::square: return vector_unary(x, out, begin, end, [](vf v) { return v * v; });
    case Unary::sqrt: return vector_unary(x, out, begin, end, [](vf v) { return sqrt(v); });
    case Unary::rsqrt: return vector_unary(x, out, begin, end, [=](vf v) { return one / sqrt(v); });
    case Unary::reciprocal: return vector_unary(x, out, begin, end, [=](vf v) { return one / v; });
    case Unary::step:
      return vector_unary(x, out, begin, end, [=](vf v) { return select(v != v, v, select(v > zero, one, low)); });
    case Unary::clip:
      return vector_unary(x, out, begin, end, [=](vf v) { return select(v > high, high, select(v < low, low, v)); });
    case Unary::floor: return scalar_unary(x, out, begin, end, [](float v) { return __builtin_floorf(v); });
    case Unary::ceil: return scalar_unary(x, out, begin, end, [](float v) { return __builtin_ceilf(v); });
    case Unary::sin: return scalar_unary(x, out, begin, end, [](float v) { return static_cast<float>(::sin(v)); });
    case Unary::cos: return scalar_unary(x, out, begin, end, [](float v) { return static_cast<float>(::cos(v)); });
    case Unary::count: return;
  }
}

void select_bits(const uint8_t* condition, const uint32_t* yes, const uint32_t* no, uint32_t* out, int64_t begin,
                 int64_t end) {
  for (int64_t k = begin; k < end; k++) out[k] = condition[k] == 1 ? yes[k] : no[k];
}

void float_from_int(const int32_t* x, float* out, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) out[k] = static_cast<float>(x[k]);
}

void float_from_bool(const uint8_t* x, float* out, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) out[k] = static_cast<float>(x[k]);
}

int32_t wrap(float x) {
  if (!__builtin_isfinite(x)) return 0;
  // Exact: both are powers of two times a 24-bit number.
  const double rest = ::fmod(static_cast<double>(x), 4294967296.0);
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(rest)));
}

void int_from_float(const float* x, int32_t* out, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) {
    const float value = x[k];
    out[k] = value > -2147483648.0f && value < 2147483648.0f ? static_cast<int32_t>(value) : wrap(value);
  }
}

}  // namespace

extern const ElementwiseTable elementwise_table = {binary,      compare_float,  compare_int,     logical,       unary,
                                                   select_bits, float_from_int, float_from_bool, int_from_float};

}  // namespace rnnx::RNNX_ISA
