// Register tiles and packing of the matrix product. A tile keeps rows x vectors accumulators in registers and spends per
// step one load a vector of B and one broadcast a row of A (Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication", 2008).

#include "gemm_table.h"
#include "simd.h"

namespace rnnx::RNNX_ISA {

// As many accumulators as the register file leaves beside one row of B and a broadcast: 28 of 32, 12 of 16, 24 of 32.
#if defined(__AVX512F__)
constexpr int max_rows = 14;
constexpr int max_vectors = 2;
#elif defined(__aarch64__)
constexpr int max_rows = 6;
constexpr int max_vectors = 4;
#else
constexpr int max_rows = 6;
constexpr int max_vectors = 2;
#endif
constexpr int panel = max_vectors * width;
/// Floats in a cache line.
constexpr int line = 16;
static_assert(panel <= 2 * line, "a row of a tile is in two lines");
/// Whether a step leaves room to fetch ahead: what C needs, and across panels.
constexpr bool gradual = width == 16;
constexpr bool foresight = width >= 8;

/// `V` vectors of columns and, with `Half`, half a one. `Across`: A lies in panels, a row's steps side by side, and `stride`
/// leads from panel to panel, not from step to step.
template <int R, int V, bool Half, bool Across>
static void tile(int64_t columns, int64_t k, const float* a, int64_t stride, const float* b, const float* from,
                 int64_t from_stride, float* c, int64_t ldc) {
  vf sum[R][V > 0 ? V : 1];
  vh rest[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sum[r][v] = vf{};
    rest[r] = vh{};
  }
  // Where C goes comes nearer; where it is many lines, line by line, as what the steps wait for would wait behind all of them.
  // (Without branches in the loop: with one, Clang 14 keeps the sums in memory.)
  constexpr int lines = ((V + Half) * width + line - 1) / line;
  const float* target = c;
  int64_t targets = R * lines;
  if (!gradual)
    for (int r = 0; r < R; r++)
      for (int v = 0; v < V + Half; v++) __builtin_prefetch(c + r * ldc + v * width, 1);
  // The tile below in packed A comes nearer while a group of panels uses this one. In panels another thread may write there;
  // across them a step brings a line of what this tile has in the next panel, where nothing foresees the leap.
  const int64_t ahead = Across ? stride : stride == R ? k * stride : 0;
  for (int64_t done = 0; done < k; a += stride - panel) {
    const int64_t until = Across && k - done > panel ? done + panel : k;
    const float* next = a + ahead;
    for (; done < until; done++) {
      vf row[V > 0 ? V : 1];
      __builtin_prefetch(b + 16 * panel);
      if (V + Half > 1) __builtin_prefetch(b + 16 * panel + width);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) row[v] = load(b + v * width);
      const vh end = Half ? load_half(b + V * width) : vh{};
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        const float each = a[Across ? r * panel : r];
        const vf x = splat(each);
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) sum[r][v] = fma(x, row[v], sum[r][v]);
        if (Half) rest[r] = fma(splat_half(each), end, rest[r]);
      }
      if (!Across) __builtin_prefetch(next, 0, 2);
      if (Across && foresight) __builtin_prefetch(next);
      next += Across ? line : stride;
      if (gradual) {
        __builtin_prefetch(target, 1);
        const int64_t onward = lines == 2 && targets % 2 == 0 ? line : ldc - (lines - 1) * line;
        target += --targets > 0 ? onward : 0;
      }
      a += Across ? 1 : stride;
      b += panel;
    }
  }
  if (columns == V * width) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) {
        const int64_t j = v * width;
        store(c + r * ldc + j, from ? load(from + r * from_stride + j) + sum[r][v] : sum[r][v]);
      }
    return;
  }
  const int64_t last = columns - (V + Half - 1) * width;
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V + Half; v++) {
      const int64_t j = v * width, lanes = v == V + Half - 1 ? last : width;
      const vf x = v < V ? sum[r][v] : widen(rest[r]);
      store_part(c + r * ldc + j, from ? load_part(from + r * from_stride + j, lanes) + x : x, lanes);
    }
}

using Tile = void (*)(int64_t, int64_t, const float*, int64_t, const float*, const float*, int64_t, float*, int64_t);

// One entry a number of vectors, or of halves where there are halves.
constexpr int steps_of_columns = has_halves ? width / 2 : width;
constexpr int column_steps = panel / steps_of_columns;
#if defined(__AVX512F__)
#define RNNX_ROW(R) {tile<R, 0, true, Across>, tile<R, 1, false, Across>, tile<R, 1, true, Across>, tile<R, 2, false, Across>}
#elif defined(__aarch64__)
#define RNNX_ROW(R) \
  {tile<R, 1, false, Across>, tile<R, 2, false, Across>, tile<R, 3, false, Across>, tile<R, 4, false, Across>}
#else
#define RNNX_ROW(R) {tile<R, 1, false, Across>, tile<R, 2, false, Across>}
#endif
template <bool Across>
static constexpr Tile tiles[max_rows][column_steps] = {
    RNNX_ROW(1), RNNX_ROW(2), RNNX_ROW(3),  RNNX_ROW(4),  RNNX_ROW(5),  RNNX_ROW(6),
#if defined(__AVX512F__)
    RNNX_ROW(7), RNNX_ROW(8), RNNX_ROW(9), RNNX_ROW(10), RNNX_ROW(11), RNNX_ROW(12), RNNX_ROW(13), RNNX_ROW(14),
#endif
};

template <bool Across>
static void any_tile(int rows, int64_t columns, int64_t k, const float* a, int64_t stride, const float* b,
                     const float* from, int64_t from_stride, float* c, int64_t ldc) {
  tiles<Across>[rows - 1][(columns - 1) / steps_of_columns](columns, k, a, stride, b, from, from_stride, c, ldc);
}

#if defined(__AVX512F__)
RNNX_INLINE vf interleave_low(vf a, vf b) {
  return RNNX_SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
RNNX_INLINE vf interleave_high(vf a, vf b) {
  return RNNX_SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#elif defined(__AVX2__)
RNNX_INLINE vf interleave_low(vf a, vf b) { return RNNX_SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
RNNX_INLINE vf interleave_high(vf a, vf b) { return RNNX_SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#else
RNNX_INLINE vf interleave_low(vf a, vf b) { return RNNX_SHUFFLE(a, b, 0, 4, 1, 5); }
RNNX_INLINE vf interleave_high(vf a, vf b) { return RNNX_SHUFFLE(a, b, 2, 6, 3, 7); }
#endif

/// Transposes a width x width block by perfect shuffles, one for each bit of the index.
RNNX_INLINE void transpose(vf (&x)[width]) {
  for (int round = 1; round < width; round *= 2) {
    vf y[width];
#pragma GCC unroll 16
    for (int i = 0; i < width / 2; i++) {
      y[2 * i] = interleave_low(x[i], x[i + width / 2]);
      y[2 * i + 1] = interleave_high(x[i], x[i + width / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < width; i++) x[i] = y[i];
  }
}

/// A whole block: width rows, `stride` apart, to columns. What lies below it is fetched meanwhile.
RNNX_INLINE void turn_block(const float* from, int64_t stride, float* to, int64_t step) {
  vf block[width];
#pragma GCC unroll 16
  for (int i = 0; i < width; i++) {
    block[i] = load(from + i * stride);
    __builtin_prefetch(from + (i + width) * stride);
  }
  transpose(block);
#pragma GCC unroll 16
  for (int j = 0; j < width; j++) store(to + j * step, block[j]);
}

/// `lines` rows of length k, `stride` apart, to columns: out[j * step + line]; lines at most `width`, `fill` of them written
/// (zeros beyond `lines`).
static void turn(int64_t lines, int64_t fill, int64_t k, const float* from, int64_t stride, float* out, int64_t step) {
  int64_t begin = 0;
  if (lines == width)
    for (; begin + width <= k; begin += width) turn_block(from + begin, stride, out + begin * step, step);
  for (; begin < k; begin += width) {
    const int64_t length = k - begin < width ? k - begin : width;
    vf block[width];
    for (int64_t i = 0; i < width; i++)
      block[i] = i >= lines         ? vf{}
                 : length == width ? load(from + i * stride + begin)
                                   : load_part(from + i * stride + begin, length);
    transpose(block);
    float* to = out + begin * step;
    if (fill == width)
      for (int64_t j = 0; j < length; j++) store(to + j * step, block[j]);
    else
      for (int64_t j = 0; j < length; j++) store_part(to + j * step, block[j], fill);
  }
}

static void pack_a(bool transposed, int rows, int64_t k, const float* a, int64_t lda, float* out) {
  for (int first = 0; first < rows; first += width) {
    const int64_t group = rows - first < width ? rows - first : width;
    if (!transposed)
      turn(group, group, k, a + first * lda, lda, out + first, rows);
    else if (group == width)
      for (int64_t j = 0; j < k; j++) store(out + j * rows + first, load(a + j * lda + first));
    else
      for (int64_t j = 0; j < k; j++) store_part(out + j * rows + first, load_part(a + j * lda + first, group), group);
  }
}

/// One row of B after the other, across all panels: rows of a wide matrix lie pages apart, so each is read once.
static void pack_b_rows(int64_t columns, int64_t k, const float* b, int64_t ldb, float* out, int64_t step) {
  const int64_t panels = (columns + panel - 1) / panel;
  const int64_t whole = columns / width * width;
  for (int64_t j = 0; j < k; j++, b += ldb, out += panel) {
    if (j + 4 < k)
      for (int64_t i = 0; i < columns; i += 16) __builtin_prefetch(b + 4 * ldb + i);
    int64_t i = 0;
    for (int64_t p = 0; p < panels; p++) {
      float* to = out + p * step;
#pragma GCC unroll 4
      for (int v = 0; v < max_vectors; v++, i += width)
        store(to + v * width, i < whole ? load(b + i) : i < columns ? load_part(b + i, columns - i) : vf{});
    }
  }
}

static void pack_b(bool transposed, int64_t columns, int64_t k, const float* b, int64_t ldb, float* out, int64_t step) {
  if (!transposed) return pack_b_rows(columns, k, b, ldb, out, step);
  for (int64_t begin = 0; begin < columns; begin += panel, out += step)
    for (int64_t first = 0; first < panel; first += width) {
      const int64_t left = columns - begin - first;
      if (left > 0)
        turn(left < width ? left : width, width, k, b + (begin + first) * ldb, ldb, out + first, panel);
      else
        for (int64_t j = 0; j < k; j++) store(out + first + j * panel, vf{});
    }
}

/// Rows of B pass once, four at a time; the chain of multiply-adds of each element is that of a tile.
static void row(int64_t columns, int64_t k, const float* a, int64_t step, const float* b, int64_t ldb, float* sums,
                float* c, bool accumulate) {
  for (int64_t j = 0; j < columns; j += width) store(sums + j, vf{});
  const int64_t whole = columns / width * width;
  int64_t s = 0;
  for (; s + 4 <= k; s += 4, a += 4 * step, b += 4 * ldb) {
    const vf x[4] = {splat(a[0]), splat(a[step]), splat(a[2 * step]), splat(a[3 * step])};
    for (int64_t j = 0; j < whole; j += width) {
      vf sum = load(sums + j);
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) sum = fma(x[i], load(b + i * ldb + j), sum);
      store(sums + j, sum);
    }
    if (whole == columns) continue;
    vf sum = load(sums + whole);
    for (int i = 0; i < 4; i++) sum = fma(x[i], load_part(b + i * ldb + whole, columns - whole), sum);
    store(sums + whole, sum);
  }
  for (; s < k; s++, a += step, b += ldb)
    for (int64_t j = 0; j < columns; j += width) {
      const int64_t lanes = columns - j < width ? columns - j : width;
      store(sums + j, fma(splat(*a), load_part(b + j, lanes), load(sums + j)));
    }
  for (int64_t j = 0; j < columns; j += width) {
    const int64_t lanes = columns - j < width ? columns - j : width;
    const vf sum = load(sums + j);
    store_part(c + j, accumulate ? load_part(c + j, lanes) + sum : sum, lanes);
  }
}

extern const GemmTable gemm_table;
const GemmTable gemm_table = {max_rows, panel, any_tile<false>, any_tile<true>, pack_a, pack_b, row};

}  // namespace rnnx::RNNX_ISA
