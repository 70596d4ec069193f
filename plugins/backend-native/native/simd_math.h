#pragma once
// exp, log, tanh and the logistic function on vectors, for use inside kernels. Accuracy: about 2 units in the last place.
// Reduction and polynomials: the classical ones (Cody and Waite, "Software Manual for the Elementary Functions", 1980);
// coefficients are Taylor's or minimax fits, as said at each.

#include "simd.h"

namespace rnnx::RNNX_ISA {

/// exp for -104 <= x <= 89, and NaN.
RNNX_INLINE vf exp_within(vf x) {
  // Rounds to nearest by adding 1.5 * 2^23.
  const vf magic = splat(12582912.0f);
  const vf n = fma(x, splat(1.44269504f), magic) - magic;
  // ln 2 in two parts, the first of few bits, so that n * part is exact.
  vf r = fma(n, splat(-0.693359375f), x);
  r = fma(n, splat(2.12194440e-4f), r);
  // Taylor to r^7: truncation 5e-9 relative at ln(2)/2.
  vf p = fma(splat(1.9841270e-4f), r, splat(1.3888889e-3f));
  p = fma(p, r, splat(8.3333333e-3f));
  p = fma(p, r, splat(4.1666667e-2f));
  p = fma(p, r, splat(1.6666667e-1f));
  p = fma(p, r, splat(0.5f));
  p = fma(p, r * r, r) + splat(1.0f);
  return scale(p, n);
}

RNNX_INLINE vf exp(vf x) {
  // Beyond these bounds the result is infinite or zero. Comparisons with NaN are false, so it goes through.
  const vf bounded = select(x > splat(89.0f), splat(89.0f), x);
  return exp_within(select(bounded < splat(-104.0f), splat(-104.0f), bounded));
}

/// The same, to the bit, where x is known not to be above 89.
RNNX_INLINE vf exp_below(vf x) { return exp_within(max(splat(-104.0f), x)); }

/// Natural logarithm: NaN below zero, minus infinity at either zero.
RNNX_INLINE vf log(vf x) {
  const vi tiny = x < splat(1.17549435e-38f);
  const vf scaled = select(tiny, x * splat(16777216.0f), x);
  const vi raw = bits(scaled);
  // Splits so that the mantissa is in [sqrt(1/2), sqrt(2)).
  const vi shifted = raw - 0x3f3504f3;
  const vi exponent = shifted >> 23;
  const vf mantissa = from_bits((shifted & 0x7fffff) + 0x3f3504f3);
  const vf e = to_float(exponent) - select(tiny, splat(24.0f), splat(0.0f));
  const vf f = mantissa - splat(1.0f);
  // log(1 + f) = f - s (f - R), s = f / (2 + f), R = series in s^2 (the form of Sun's fdlibm).
  const vf s = f / (f + splat(2.0f));
  const vf z = s * s;
  vf r = fma(z, splat(0.2223f), splat(0.28571429f));
  r = fma(r, z, splat(0.4f));
  r = fma(r, z, splat(0.66666667f));
  r = r * z;
  const vf half_square = splat(0.5f) * f * f;
  const vf tail = fma(s, half_square + r, e * splat(-2.12194440e-4f));
  const vf y = fma(e, splat(0.693359375f), f - (half_square - tail));
  const vf infinity = splat(__builtin_inff());
  vf result = select(x == infinity, infinity, y);
  result = select(x == splat(0.0f), -infinity, result);
  result = select(x < splat(0.0f), splat(__builtin_nanf("")), result);
  return select(x == x, result, x);
}

/// 1 / (1 + exp(-x)), as e / (1 + e) below zero, where e = exp(x) may be tiny.
RNNX_INLINE vf sigmoid(vf x) {
  const vf one = splat(1.0f);
  const vf e = exp_below(-abs(x));
  return select(x < splat(0.0f), e, one) / (one + e);
}

/// Hyperbolic tangent: an odd series below 0.55, (1 - e) / (1 + e) with e = exp(-2|x|) above.
RNNX_INLINE vf tanh(vf x) {
  const vf a = abs(x);
  const vf one = splat(1.0f);
  const vf e = exp_below(splat(-2.0f) * a);
  const vf large = (one - e) / (one + e);
  // Minimax fit of tanh(x)/x - 1 over x^2 on [0, 0.625] (Cephes by S. Moshier gives the same form).
  const vf z = x * x;
  vf p = fma(splat(-5.70498872745e-3f), z, splat(2.06390887954e-2f));
  p = fma(p, z, splat(-5.37397155531e-2f));
  p = fma(p, z, splat(1.33314422036e-1f));
  p = fma(p, z, splat(-3.33332819422e-1f));
  const vf small = fma(p * z, a, a);
  const vf y = select(a < splat(0.625f), small, large);
  return copy_sign(select(x == x, y, a), x);
}

}  // namespace rnnx::RNNX_ISA
