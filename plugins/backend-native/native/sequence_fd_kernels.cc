// Moments of a nonlinearity under a normal distribution, and their gradients. The same formulas as in plugins/fast-dropout.

#include "sequence_fd.h"
#include "simd_math.h"

namespace rnnx::RNNX_ISA {

/// Variances below are taken as this where their root is needed, whose slope is infinite at 0.
constexpr float tiny = 1e-12f;

struct Pair {
  vf mean, variance;
};

/// Sigmoid in closed form (Wang and Manning 2013, equations 8-10).
struct ClosedSigmoid {
  static constexpr float alpha = 1.17157287525381f;     // 4 - 2√2
  static constexpr float beta = 0.881373587019543f;     // -ln(√2 - 1)
  static constexpr float first = 0.392699081698724f;    // π / 8
  static constexpr float second = 0.539012084452647f;   // π α² / 8

  vf z1, z2, s1, s2, e1, e2;

  static inline __attribute__((always_inline)) ClosedSigmoid at(vf m, vf v) {
    const vf one = splat(1.0f);
    ClosedSigmoid c;
    c.s1 = sqrt(v * splat(first) + one);
    c.s2 = sqrt(v * splat(second) + one);
    c.z1 = m / c.s1;
    c.z2 = (m - splat(beta)) * splat(alpha) / c.s2;
    c.e1 = sigmoid(c.z1);
    c.e2 = sigmoid(c.z2);
    return c;
  }
  inline __attribute__((always_inline)) vf raw() const { return e2 - e1 * e1; }
  inline __attribute__((always_inline)) Pair moments() const { return {e1, max(vf{}, raw())}; }
  inline __attribute__((always_inline)) Pair gradient(vf d_mean, vf d_variance) const {
    const vf one = splat(1.0f);
    const vf d2 = select(raw() > vf{}, d_variance, vf{});
    const vf d1 = d_mean - (d2 + d2) * e1;
    const vf dz1 = d1 * e1 * (one - e1);
    const vf dz2 = d2 * e2 * (one - e2);
    const vf dm = dz1 / s1 + dz2 * splat(alpha) / s2;
    const vf dv = splat(-0.5f * first) * dz1 * z1 / (s1 * s1) + splat(-0.5f * second) * dz2 * z2 / (s2 * s2);
    return {dm, dv};
  }
};

struct SigmoidClosed {
  static inline __attribute__((always_inline)) Pair value(const MomentRule&, vf m, vf v) {
    return ClosedSigmoid::at(m, v).moments();
  }
  static inline __attribute__((always_inline)) Pair slope(const MomentRule&, vf m, vf v, vf d_mean, vf d_variance) {
    return ClosedSigmoid::at(m, v).gradient(d_mean, d_variance);
  }
};

/// tanh(a) = 2 σ(2a) - 1
struct TanhClosed {
  static inline __attribute__((always_inline)) Pair value(const MomentRule&, vf m, vf v) {
    const Pair p = ClosedSigmoid::at(m + m, v * splat(4.0f)).moments();
    return {p.mean + p.mean - splat(1.0f), p.variance * splat(4.0f)};
  }
  static inline __attribute__((always_inline)) Pair slope(const MomentRule&, vf m, vf v, vf d_mean, vf d_variance) {
    const Pair p = ClosedSigmoid::at(m + m, v * splat(4.0f)).gradient(d_mean + d_mean, d_variance * splat(4.0f));
    return {p.mean + p.mean, p.variance * splat(4.0f)};
  }
};

/// Exact but for the error function, Abramowitz and Stegun 7.1.26: within 1.5e-7.
struct ReluClosed {
  vf s, density, below, first, raw;

  static inline __attribute__((always_inline)) ReluClosed at(vf m, vf v) {
    const vf one = splat(1.0f);
    ReluClosed r;
    r.s = sqrt(max(splat(tiny), v));
    const vf z = m / r.s;
    const vf bell = exp(splat(-0.5f) * z * z);
    const vf x = abs(z) * splat(0.70710678f);
    const vf t = one / (one + splat(0.3275911f) * x);
    vf p = fma(splat(1.061405429f), t, splat(-1.453152027f));
    p = fma(p, t, splat(1.421413741f));
    p = fma(p, t, splat(-0.284496736f));
    p = fma(p, t, splat(0.254829592f));
    const vf upper = splat(0.5f) * p * t * bell;  // 1 - Φ(|z|)
    r.density = bell * splat(0.39894228f);
    r.below = select(z < vf{}, upper, one - upper);
    r.first = m * r.below + r.s * r.density;
    r.raw = (m * m + v) * r.below + m * r.s * r.density - r.first * r.first;
    return r;
  }
  static inline __attribute__((always_inline)) Pair value(const MomentRule&, vf m, vf v) {
    const ReluClosed r = at(m, v);
    return {r.first, max(vf{}, r.raw)};
  }
  static inline __attribute__((always_inline)) Pair slope(const MomentRule&, vf m, vf v, vf d_mean, vf d_variance) {
    const ReluClosed r = at(m, v);
    const vf d2 = select(r.raw > vf{}, d_variance, vf{});
    const vf d1 = d_mean - (d2 + d2) * r.first;
    const vf dm = d1 * r.below + d2 * ((m + m) * r.below + r.density * (v / r.s + r.s));
    const vf ds = r.density * (d1 + d2 * m * (splat(1.0f) - v / (r.s * r.s)));
    return {dm, d2 * r.below + select(v >= splat(tiny), ds * splat(0.5f) / r.s, vf{})};
  }
};

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

/// E f(a) = Σ w_i f(m + √v x_i); the variance centred, so that it cannot round below zero.
template <class Activation>
struct Quadrature {
  static constexpr int most = 64;

  static inline __attribute__((always_inline)) vf evaluate(const MomentRule& rule, vf m, vf s, vf (&f)[most]) {
    vf mean = {};
    for (int64_t i = 0; i < rule.nodes; i++) {
      f[i] = Activation::value(m + s * splat(rule.node[i]));
      mean = mean + f[i] * splat(rule.weight[i]);
    }
    return mean;
  }
  static inline __attribute__((always_inline)) Pair value(const MomentRule& rule, vf m, vf v) {
    vf f[most];
    const vf mean = evaluate(rule, m, sqrt(max(splat(tiny), v)), f);
    vf variance = {};
    for (int64_t i = 0; i < rule.nodes; i++) {
      const vf centred = f[i] - mean;
      variance = variance + centred * centred * splat(rule.weight[i]);
    }
    return {mean, variance};
  }
  static inline __attribute__((always_inline)) Pair slope(const MomentRule& rule, vf m, vf v, vf d_mean, vf d_variance) {
    vf f[most];
    const vf s = sqrt(max(splat(tiny), v));
    const vf mean = evaluate(rule, m, s, f);
    vf dm = {}, ds = {};
    for (int64_t i = 0; i < rule.nodes; i++) {
      const vf d = (d_mean + (d_variance + d_variance) * (f[i] - mean)) * splat(rule.weight[i]) * Activation::slope(f[i]);
      dm = dm + d;
      ds = ds + d * splat(rule.node[i]);
    }
    return {dm, select(v >= splat(tiny), ds * splat(0.5f) / s, vf{})};
  }
};

/// Calls f(offset, lanes) for n numbers.
template <class F>
RNNX_INLINE void each(int64_t n, const F& f) {
  for (int64_t i = 0; i < n; i += width) f(i, n - i < width ? n - i : width);
}
RNNX_INLINE vf get(const float* p, int64_t lanes) { return lanes == width ? load(p) : load_part(p, lanes); }
RNNX_INLINE void put(float* p, vf x, int64_t lanes) {
  if (lanes == width)
    store(p, x);
  else
    store_part(p, x, lanes);
}

static void operand(int64_t n, float q, const float* h, const float* s, float* out) {
  const vf keep = splat(q), spread = splat(q * (1.0f - q));
  each(n, [&](int64_t i, int64_t k) {
    const vf mean = get(h + i, k);
    put(out + i, keep * get(s + i, k) + spread * mean * mean, k);
  });
}

template <class Moments>
static void forward_by(const MomentRule& rule, int64_t n, float q, const float* p, const float* r, float* m, float* v,
                       float* mean, float* variance) {
  each(n, [&](int64_t i, int64_t k) {
    const vf a = get(p + i, k) + splat(q) * get(m + i, k);
    const vf b = get(r + i, k) + get(v + i, k);
    const Pair result = Moments::value(rule, a, b);
    put(m + i, a, k);
    put(v + i, b, k);
    put(mean + i, result.mean, k);
    put(variance + i, result.variance, k);
  });
}

template <class Moments>
static void backward_by(const MomentRule& rule, int64_t n, const float* m, const float* v, const float* d_mean,
                        const float* d_variance, const float* carried_mean, const float* carried_variance, float* dm,
                        float* dv) {
  each(n, [&](int64_t i, int64_t k) {
    const Pair result = Moments::slope(rule, get(m + i, k), get(v + i, k), get(d_mean + i, k) + get(carried_mean + i, k),
                                       get(d_variance + i, k) + get(carried_variance + i, k));
    put(dm + i, result.mean, k);
    put(dv + i, result.variance, k);
  });
}

#define RNNX_BY_RULE(call)                                                  \
  if (rule.nodes == 0) switch (rule.activation) {                           \
      case MomentActivation::tanh: return call(TanhClosed);                 \
      case MomentActivation::sigmoid: return call(SigmoidClosed);           \
      default: return call(ReluClosed);                                     \
    }                                                                       \
  switch (rule.activation) {                                                \
    case MomentActivation::tanh: return call(Quadrature<Tanh>);             \
    case MomentActivation::sigmoid: return call(Quadrature<Sigmoid>);       \
    default: return call(Quadrature<Relu>);                                 \
  }

static void forward(const MomentRule& rule, int64_t n, float q, const float* p, const float* r, float* m, float* v,
                    float* mean, float* variance) {
#define RNNX_CALL(Moments) forward_by<Moments>(rule, n, q, p, r, m, v, mean, variance)
  RNNX_BY_RULE(RNNX_CALL)
#undef RNNX_CALL
}

static void backward(const MomentRule& rule, int64_t n, const float* m, const float* v, const float* d_mean,
                     const float* d_variance, const float* carried_mean, const float* carried_variance, float* dm,
                     float* dv) {
#define RNNX_CALL(Moments) \
  backward_by<Moments>(rule, n, m, v, d_mean, d_variance, carried_mean, carried_variance, dm, dv)
  RNNX_BY_RULE(RNNX_CALL)
#undef RNNX_CALL
}

static void carry(int64_t n, float q, const float* h, float* dh, float* ds) {
  const vf keep = splat(q), spread = splat(2.0f * q * (1.0f - q));
  each(n, [&](int64_t i, int64_t k) {
    const vf d = get(ds + i, k);
    put(dh + i, keep * get(dh + i, k) + spread * get(h + i, k) * d, k);
    put(ds + i, keep * d, k);
  });
}

static void weight(int64_t n, float q, const float* w, const float* a, const float* b, float* out) {
  each(n, [&](int64_t i, int64_t k) {
    put(out + i, splat(q) * get(a + i, k) + splat(2.0f) * get(w + i, k) * get(b + i, k), k);
  });
}

extern const MomentTable moment_table = {operand, forward, backward, carry, weight};

}  // namespace rnnx::RNNX_ISA
