#pragma once
// The one place that knows the width of a vector. Only for *_kernels.cc: everything is in rnnx::RNNX_ISA. Written over the
// vector types of GCC and Clang; intrinsics only where those have no spelling (fused multiply-add, partial loads, roots).
//
//   vf: `width` floats; vi: as many int32. Operators + - * / and comparisons work lane by lane; a comparison gives a vi of
//   0 and -1. Multiplications and additions are never contracted: what should be fused says fma.

#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define RNNX_INLINE static inline __attribute__((always_inline, unused))

// Lanes of two vectors by constant indices, those of the second counted on. GCC has Clang's spelling from version 12 only.
#if defined(__clang__)
#define RNNX_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define RNNX_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, vi{__VA_ARGS__})
#endif

namespace rnnx::RNNX_ISA {

#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX2__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif

typedef float vf __attribute__((vector_size(width * 4)));
typedef int32_t vi __attribute__((vector_size(width * 4)));
typedef float vf_unaligned __attribute__((vector_size(width * 4), aligned(4), may_alias));

RNNX_INLINE vf splat(float x) { return x - vf{}; }
RNNX_INLINE vf load(const float* p) { return *reinterpret_cast<const vf_unaligned*>(p); }
RNNX_INLINE void store(float* p, vf x) { *reinterpret_cast<vf_unaligned*>(p) = x; }
RNNX_INLINE vi bits(vf x) { return reinterpret_cast<vi>(x); }
RNNX_INLINE vf from_bits(vi x) { return reinterpret_cast<vf>(x); }

/// The first n lanes (0 <= n <= width) from memory, zeros in the others; touches no byte beyond.
RNNX_INLINE vf load_part(const float* p, int64_t n) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#elif defined(__AVX2__)
  const vi lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return _mm256_maskload_ps(p, reinterpret_cast<__m256i>(static_cast<vi>(lane < static_cast<int32_t>(n))));
#else
  vf x = {};
  std::memcpy(&x, p, static_cast<size_t>(n) * sizeof(float));
  return x;
#endif
}

/// Stores the first n lanes (0 <= n <= width).
RNNX_INLINE void store_part(float* p, vf x, int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), x);
#elif defined(__AVX2__)
  const vi lane = {0, 1, 2, 3, 4, 5, 6, 7};
  _mm256_maskstore_ps(p, reinterpret_cast<__m256i>(static_cast<vi>(lane < static_cast<int32_t>(n))), x);
#else
  std::memcpy(p, &x, static_cast<size_t>(n) * sizeof(float));
#endif
}

/// Rows of four floats that fit into a vector, one after another.
constexpr int fours = width / 4;

#if defined(__AVX512F__) || defined(__AVX2__)
/// The first n (0 <= n <= 4) floats of each of `rows` rows (0 <= rows <= fours), zeros in the other lanes.
RNNX_INLINE vf load_fours(const float* p, int64_t stride, int64_t rows, int64_t n) {
#if defined(__AVX512F__)
  const auto row = [&](int64_t i) {
    return _mm_maskz_loadu_ps(static_cast<__mmask8>(i < rows ? (1u << n) - 1 : 0), p + i * stride);
  };
  const __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(row(0)), row(1), 1);
  const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(row(2)), row(3), 1);
  return _mm512_maskz_insertf32x8(0xffff, _mm512_castps256_ps512(low), high, 1);
#else
  typedef int32_t lanes_of_four __attribute__((vector_size(16)));
  const lanes_of_four lane = {0, 1, 2, 3};
  const auto row = [&](int64_t i) {
    const lanes_of_four mask = lane < static_cast<int32_t>(i < rows ? n : 0);
    return _mm_maskload_ps(p + i * stride, reinterpret_cast<__m128i>(mask));
  };
  return _mm256_insertf128_ps(_mm256_castps128_ps256(row(0)), row(1), 1);
#endif
}

/// Stores what load_fours reads.
RNNX_INLINE void store_fours(float* p, int64_t stride, int64_t rows, int64_t n, vf x) {
  float lane[width];
  store(lane, x);
  for (int64_t i = 0; i < rows; i++)
    if (n == 4)
      std::memcpy(p + i * stride, lane + 4 * i, 16);
    else
      for (int64_t j = 0; j < n; j++) p[i * stride + j] = lane[4 * i + j];
}
#else
RNNX_INLINE vf load_fours(const float* p, int64_t, int64_t rows, int64_t n) { return load_part(p, rows > 0 ? n : 0); }
RNNX_INLINE void store_fours(float* p, int64_t, int64_t rows, int64_t n, vf x) { store_part(p, x, rows > 0 ? n : 0); }
#endif

/// The first four lanes over and over, and the sums of the lanes that are four apart, in order.
RNNX_INLINE vf repeat_four(vf x) {
  float lane[width];
  store(lane, x);
  for (int i = 4; i < width; i++) lane[i] = lane[i - 4];
  return load(lane);
}
RNNX_INLINE vf sum_fours(vf x) {
  float lane[width];
  store(lane, x);
  for (int i = 4; i < width; i++) lane[i % 4] += lane[i];
  return repeat_four(load(lane));
}

/// a * b + c, rounded once where the instruction set has it, twice on the x86 baseline.
RNNX_INLINE vf fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}

/// Lanes of a where the mask (a comparison's result) is set, of b elsewhere.
RNNX_INLINE vf select(vi mask, vf a, vf b) { return mask ? a : b; }

/// Half a vector, where it costs less than a whole one: processors that compute 512 bits in two turns take one.
#if defined(__AVX512F__)
constexpr bool has_halves = true;
typedef float vh __attribute__((vector_size(width * 2)));
RNNX_INLINE vh load_half(const float* p) { return _mm256_loadu_ps(p); }
RNNX_INLINE vh splat_half(float x) { return x - vh{}; }
RNNX_INLINE vf widen(vh x) { return _mm512_maskz_insertf32x8(0xffff, vf{}, x, 0); }
RNNX_INLINE vh fma(vh a, vh b, vh c) { return _mm256_fmadd_ps(a, b, c); }
#else
constexpr bool has_halves = false;
typedef vf vh;
RNNX_INLINE vh load_half(const float* p) { return load(p); }
RNNX_INLINE vh splat_half(float x) { return splat(x); }
RNNX_INLINE vf widen(vh x) { return x; }
#endif

/// The larger and smaller; the second where either is NaN.
RNNX_INLINE vf max(vf a, vf b) { return a > b ? a : b; }
RNNX_INLINE vf min(vf a, vf b) { return a < b ? a : b; }

RNNX_INLINE vf abs(vf x) { return from_bits(bits(x) & 0x7fffffff); }
/// |magnitude| with the sign bit of `sign`.
RNNX_INLINE vf copy_sign(vf magnitude, vf sign) {
  return from_bits((bits(magnitude) & 0x7fffffff) | (bits(sign) & static_cast<int32_t>(0x80000000)));
}

RNNX_INLINE vf to_float(vi x) { return __builtin_convertvector(x, vf); }
/// Towards zero; the lanes must be within int32.
RNNX_INLINE vi to_int(vf x) { return __builtin_convertvector(x, vi); }

/// x * 2^n for whole n of magnitude below 250, rounded once where the result is subnormal or infinite.
RNNX_INLINE vf scale(vf x, vf n) {
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, x, n);
#else
  // In two steps: 2^n itself may be out of range. The first of them is exact.
  const vi whole = to_int(n);
  const vi half = whole >> 1;
  return x * from_bits((half + 127) << 23) * from_bits((whole - half + 127) << 23);
#endif
}

RNNX_INLINE vf sqrt(vf x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(0xffff, x);  // The unmasked one warns of its own undefined operand.
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__SSE2__)
  return _mm_sqrt_ps(x);
#elif defined(__aarch64__)
  return vsqrtq_f32(x);
#else
  for (int i = 0; i < width; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

/// op over the lanes by halves: each lane of the first half with that of the second, and so on.
template <class Op>
RNNX_INLINE float over_lanes(vf x, Op op) {
#if defined(__SSE2__)
#if defined(__AVX512F__)
  const __m256 half = op(_mm512_maskz_extractf32x8_ps(0xff, x, 0), _mm512_maskz_extractf32x8_ps(0xff, x, 1));
#elif defined(__AVX2__)
  const __m256 half = x;
#endif
#if defined(__AVX2__)
  const __m128 four = op(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#else
  const __m128 four = x;
#endif
  const __m128 two = op(four, _mm_movehl_ps(four, four));
  return op(two, _mm_shuffle_ps(two, two, 1))[0];
#else
  float lane[width];
  std::memcpy(lane, &x, sizeof x);
  for (int half = width / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lane[i] = op(lane[i], lane[i + half]);
  return lane[0];
#endif
}

/// Sum of the lanes, by halves.
RNNX_INLINE float sum_lanes(vf x) {
  return over_lanes(x, [](auto a, auto b) { return a + b; });
}

/// Largest lane; NaN lanes are not looked for.
RNNX_INLINE float max_lanes(vf x) {
  return over_lanes(x, [](auto a, auto b) { return b > a ? b : a; });
}

}  // namespace rnnx::RNNX_ISA
