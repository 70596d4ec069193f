#include "cross_entropy_table.h"
#include "simd_math.h"

namespace rnnx::RNNX_ISA {

// The panels of gemm_kernels.cc.
#if defined(__aarch64__)
constexpr int panel_vectors = 4;
#else
constexpr int panel_vectors = 2;
#endif
constexpr int panel = panel_vectors * width;

/// f(index, lanes) over 0 .. n-1 in vectors, the last one partial.
template <class F>
RNNX_INLINE void each(int64_t n, F f) {
  int64_t i = 0;
  for (; i + width <= n; i += width) f(i, static_cast<int64_t>(width));
  if (i < n) f(i, n - i);
}

RNNX_INLINE vf read(const float* p, int64_t lanes) { return lanes == width ? load(p) : load_part(p, lanes); }
RNNX_INLINE void write(float* p, vf x, int64_t lanes) { lanes == width ? store(p, x) : store_part(p, x, lanes); }

/// Rows whose largest logits are found before their exponentials: the one waits for the other, rows do not wait for rows.
constexpr int64_t row_block = 8;

template <int Panels>
static void exponentials_of(int64_t rows, int64_t stride, const float* bias, float* logits, float* reference, float* sum) {
  constexpr int count = Panels * panel_vectors;
  vf shift[count];
#pragma GCC unroll 16
  for (int i = 0; i < count; i++) shift[i] = load(bias + i * width);
  for (int64_t begin = 0; begin < rows; begin += row_block) {
    const int64_t end = rows - begin < row_block ? rows : begin + row_block;
    for (int64_t row = begin; row < end; row++) {
      const float* from = logits + row * panel;
      // Finite, so that a row of nothing but minus infinity has exponentials of zero.
      vf most = splat(-3.4028235e38f);
#pragma GCC unroll 16
      for (int i = 0; i < count; i++)
        most = max(load(from + i / panel_vectors * stride + i % panel_vectors * width) + shift[i], most);
      reference[row] = max_lanes(most);
    }
    for (int64_t row = begin; row < end; row++) {
      float* at = logits + row * panel;
      const vf largest = splat(reference[row]);
      vf total = {};
#pragma GCC unroll 16
      for (int i = 0; i < count; i++) {
        float* to = at + i / panel_vectors * stride + i % panel_vectors * width;
        const vf e = exp_below((load(to) + shift[i]) - largest);
        total = total + e;
        store(to, e);
      }
      sum[row] = sum_lanes(total);
    }
  }
}

static void exponentials(int64_t rows, int64_t panels, int64_t stride, const float* bias, float* logits, float* reference,
                         float* sum) {
  static_assert(exponential_panels == 4, "one case each");
  switch (panels) {
    case 1: return exponentials_of<1>(rows, stride, bias, logits, reference, sum);
    case 2: return exponentials_of<2>(rows, stride, bias, logits, reference, sum);
    case 3: return exponentials_of<3>(rows, stride, bias, logits, reference, sum);
    default: return exponentials_of<4>(rows, stride, bias, logits, reference, sum);
  }
}

static void merge(int64_t n, int64_t groups, int64_t stride, const float* reference, const float* sum, float* largest, float* total) {
  each(n, [=](int64_t i, int64_t lanes) {
    vf most = read(reference + i, lanes);
    for (int64_t g = 1; g < groups; g++) most = max(read(reference + g * stride + i, lanes), most);
    vf all = {};
    for (int64_t g = 0; g < groups; g++)
      all = fma(exp(read(reference + g * stride + i, lanes) - most), read(sum + g * stride + i, lanes), all);
    write(largest + i, most, lanes);
    write(total + i, all, lanes);
  });
}

static void factors(int64_t n, const float* reference, const float* normalizer, const float* dy, float* out) {
  each(n, [=](int64_t i, int64_t lanes) {
    write(out + i, exp(read(reference + i, lanes) - read(normalizer + i, lanes)) * read(dy + i, lanes), lanes);
  });
}

static void scale(int64_t rows, const float* from, const float* factor, float* to, float* sums) {
  // Two rows at a time: two chains of additions.
  vf even[panel_vectors] = {}, odd[panel_vectors] = {};
  int64_t row = 0;
  for (; row + 2 <= rows; row += 2, from += 2 * panel, to += 2 * panel) {
    const vf first = splat(factor[row]), second = splat(factor[row + 1]);
#pragma GCC unroll 4
    for (int i = 0; i < panel_vectors; i++) {
      const vf x = load(from + i * width) * first, y = load(from + panel + i * width) * second;
      store(to + i * width, x);
      store(to + panel + i * width, y);
      even[i] = even[i] + x;
      odd[i] = odd[i] + y;
    }
  }
  if (row < rows)
    for (int i = 0; i < panel_vectors; i++) {
      const vf x = load(from + i * width) * splat(factor[row]);
      store(to + i * width, x);
      even[i] = even[i] + x;
    }
  for (int i = 0; i < panel_vectors; i++) store(sums + i * width, even[i] + odd[i]);
}

extern const CrossEntropyTable cross_entropy_table;
const CrossEntropyTable cross_entropy_table = {exponentials, merge, factors, scale};

}  // namespace rnnx::RNNX_ISA
