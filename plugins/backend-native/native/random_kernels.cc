// Plain loops over small blocks: the compiler turns them into vectors, and no order of operations matters to the results.

#include "random.h"

#include <cstring>

#define RNNX_INLINE static inline __attribute__((always_inline, unused))

namespace rnnx::RNNX_ISA {

constexpr int lanes = 32;

static void words(uint32_t first, int64_t blocks, uint32_t key0, uint32_t key1, uint32_t* out) {
  for (int64_t begin = 0; begin < blocks; begin += lanes) {
    uint32_t c0[lanes], c1[lanes], c2[lanes], c3[lanes];
    for (int i = 0; i < lanes; i++) {
      c0[i] = first + static_cast<uint32_t>(begin) + static_cast<uint32_t>(i);
      c1[i] = c2[i] = c3[i] = 0;
    }
    uint32_t k0 = key0;
    uint32_t k1 = key1;
    for (int round = 0; round < 10; round++) {
      for (int i = 0; i < lanes; i++) {
        const uint64_t p0 = static_cast<uint64_t>(0xd2511f53u) * c0[i];
        const uint64_t p1 = static_cast<uint64_t>(0xcd9e8d57u) * c2[i];
        c0[i] = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
        c2[i] = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
        c1[i] = static_cast<uint32_t>(p1);
        c3[i] = static_cast<uint32_t>(p0);
      }
      k0 += 0x9e3779b9u;
      k1 += 0xbb67ae85u;
    }
    const int64_t here = blocks - begin < lanes ? blocks - begin : lanes;
    uint32_t* to = out + 4 * begin;
    for (int64_t i = 0; i < here; i++) {
      to[4 * i] = c0[i];
      to[4 * i + 1] = c1[i];
      to[4 * i + 2] = c2[i];
      to[4 * i + 3] = c3[i];
    }
  }
}

static void uniforms(int64_t n, const uint32_t* from, float* out) {
  // Both steps are exact: 23 bits and a half fit a float.
  for (int64_t i = 0; i < n; i++)
    out[i] = (static_cast<float>(static_cast<int32_t>(from[i] >> 9)) + 0.5f) * 0x1p-23f;
}

static void bernoulli(int64_t n, const uint32_t* from, uint64_t limit, float kept, float* out) {
  if (limit > 0xffffffffu) {
    for (int64_t i = 0; i < n; i++) out[i] = kept;
    return;
  }
  const uint32_t below = static_cast<uint32_t>(limit);
  for (int64_t i = 0; i < n; i++) out[i] = from[i] < below ? kept : 0.0f;
}

RNNX_INLINE double to_double(uint32_t word) { return static_cast<double>(word); }

static void doubles(int64_t n, const uint32_t* from, double* out) {
  for (int64_t i = 0; i < n; i++) out[i] = (to_double(from[i]) + 0.5) * 0x1p-32;
}

RNNX_INLINE uint64_t bits_of(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
RNNX_INLINE double from_bits_of(uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// Logarithm, sine and cosine as in fdlibm (Sun Microsystems 1993), which JavaScript engines use: the same operations in
// the same order give the same bits. Only the cases that occur here: log on (0, 1), angles in [0, 2 pi).

constexpr double ln2_high = 6.93147180369123816490e-01;
constexpr double ln2_low = 1.90821492927058770002e-10;

RNNX_INLINE double log_unit(double x) {
  const uint64_t bits = bits_of(x);
  const int64_t high = static_cast<int64_t>(bits >> 32);
  const int64_t mantissa = high & 0xfffff;
  const int64_t carry = (mantissa + 0x95f64) & 0x100000;
  const int64_t exponent = (high >> 20) - 1023 + (carry >> 20);
  // The mantissa scaled into [sqrt(1/2), sqrt(2)).
  const double scaled = from_bits_of(static_cast<uint64_t>(mantissa | (carry ^ 0x3ff00000)) << 32 | (bits & 0xffffffff));
  const double f = scaled - 1.0;
  const double k = static_cast<double>(static_cast<int32_t>(exponent));
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double odd = z * (6.666666666666735130e-01 +
                          w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double r = odd + even;
  const double half_square = 0.5 * f * f;
  const double middle = k * ln2_high - ((half_square - (s * (half_square + r) + k * ln2_low)) - f);
  const double outer = k * ln2_high - ((s * (f - r) - k * ln2_low) - f);
  // Next to 1 the series' first terms suffice.
  const double cubic = f * f * (0.5 - 0.33333333333333333 * f);
  const double near = k * ln2_high - ((cubic - k * ln2_low) - f);
  const bool in_middle = ((mantissa - 0x6147a) | (0x6b851 - mantissa)) > 0;
  const bool is_near = (0xfffff & (2 + mantissa)) < 3;
  return is_near ? near : in_middle ? middle : outer;
}

RNNX_INLINE double kernel_sin(double x, double tail) {
  const double z = x * x;
  const double v = z * x;
  const double r = 8.33333333332248946124e-03 +
                   z * (-1.98412698298579493134e-04 +
                        z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)));
  return x - ((z * (0.5 * tail - v * r) - tail) - v * -1.66666666666666324348e-01);
}

RNNX_INLINE double kernel_cos(double x, double tail) {
  const int64_t high = static_cast<int64_t>(bits_of(x) >> 32) & 0x7fffffff;
  const double z = x * x;
  const double r =
      z * (4.16666666666666019037e-02 +
           z * (-1.38888888888741095749e-03 +
                z * (2.48015872894767294178e-05 +
                     z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
  const double part = high > 0x3fe90000 ? 0.28125 : from_bits_of(static_cast<uint64_t>(high - 0x00200000) << 32);
  const double shift = high < 0x3fd33333 ? 0.0 : part;
  const double half = 0.5 * z - shift;
  return (1.0 - shift) - (half - (z * r - x * tail));
}

constexpr double half_pi_1 = 1.57079632673412561417e+00;
constexpr double half_pi_1_tail = 6.07710050650619224932e-11;
constexpr double half_pi_2 = 6.07710050630396597660e-11;
constexpr double half_pi_2_tail = 2.02226624879595063154e-21;
constexpr double half_pi_3 = 2.02226624871116645580e-21;
constexpr double half_pi_3_tail = 8.47842766036889956997e-32;

RNNX_INLINE int64_t high_word(double x) { return static_cast<int64_t>(bits_of(x) >> 32); }
RNNX_INLINE int64_t exponent(double x) { return static_cast<int64_t>(bits_of(x) >> 52) & 0x7ff; }

/// Next to a multiple of pi/2 the difference cancels: more digits of pi, as many as the result needs.
static void reduce_again(double angle, double n, double* x, double* tail) {
  double r = angle - n * half_pi_1;
  double w = n * half_pi_1_tail;
  if (n == 1.0) {
    r -= half_pi_2;
    w = half_pi_2_tail;
    *x = r - w;
  } else if (exponent(angle) - exponent(*x) > 16) {
    double t = r;
    w = n * half_pi_2;
    r = t - w;
    w = n * half_pi_2_tail - ((t - r) - w);
    *x = r - w;
    if (exponent(angle) - exponent(*x) > 49) {
      t = r;
      w = n * half_pi_3;
      r = t - w;
      w = n * half_pi_3_tail - ((t - r) - w);
      *x = r - w;
    }
  }
  *tail = (r - *x) - w;
}

static void normals(int64_t n, const uint32_t* from, float* out) {
  constexpr int pairs = 64;
  for (int64_t begin = 0; begin < n / 2; begin += pairs) {
    const int64_t left = n / 2 - begin;
    const int here = left < pairs ? static_cast<int>(left) : pairs;
    double radius[pairs], angle[pairs], x[pairs], tail[pairs], turn[pairs];
    uint32_t pair[2 * pairs] = {};
    std::memcpy(pair, from + 2 * begin, static_cast<size_t>(here) * 2 * sizeof(uint32_t));
    for (int i = 0; i < pairs; i++) {
      radius[i] = -2.0 * log_unit((to_double(pair[2 * i]) + 0.5) * 0x1p-32);
      angle[i] = to_double(pair[2 * i + 1]) * (6.283185307179586 * 0x1p-32);
    }
    for (int i = 0; i < pairs; i++) radius[i] = __builtin_sqrt(radius[i]);
    int64_t rare = 0;
    for (int i = 0; i < pairs; i++) {
      const int64_t high = high_word(angle[i]);
      const double whole = static_cast<double>(static_cast<int32_t>(angle[i] * 6.36619772367581382433e-01 + 0.5));
      // Up to pi/4 the angle stands for itself.
      const double quarter = from_bits_of(bits_of(whole) & (0 - static_cast<uint64_t>(high > 0x3fe921fb)));
      const double r = angle[i] - quarter * half_pi_1;
      const double w = quarter * half_pi_1_tail;
      x[i] = r - w;
      tail[i] = (r - x[i]) - w;
      turn[i] = quarter;
      rare |= static_cast<int64_t>(high == high_word(quarter * 1.5707963267948966));
    }
    if (rare)
      for (int i = 0; i < pairs; i++)
        if (turn[i] > 0.0 && high_word(angle[i]) == high_word(turn[i] * 1.5707963267948966))
          reduce_again(angle[i], turn[i], &x[i], &tail[i]);
    for (int i = 0; i < pairs; i++) {
      const double sine = kernel_sin(x[i], tail[i]);
      const double cosine = kernel_cos(x[i], tail[i]);
      const int32_t quadrant = static_cast<int32_t>(turn[i]);
      const bool odd = (quadrant & 1) != 0;
      const double first = odd ? sine : cosine;
      const double second = odd ? cosine : sine;
      x[i] = radius[i] * ((quadrant + 1) & 2 ? -first : first);
      tail[i] = radius[i] * (quadrant & 2 ? -second : second);
    }
    float* to = out + 2 * begin;
    for (int i = 0; i < here; i++) {
      to[2 * i] = static_cast<float>(x[i]);
      to[2 * i + 1] = static_cast<float>(tail[i]);
    }
  }
}

extern const RandomTable random_table;
const RandomTable random_table = {words, uniforms, bernoulli, doubles, normals};

}  // namespace rnnx::RNNX_ISA
