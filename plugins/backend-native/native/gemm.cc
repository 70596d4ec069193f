#include "gemm.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "gemm_sparse.h"
#include "gemm_table.h"
#include "large_memory.h"
#include "parallel.h"

namespace rnnx {

namespace {

/// Steps of k added up in registers before they go to C. Part of the results' definition: see gemm.h.
constexpr int64_t block_steps = 800;
/// The same for a product of one panel, whose rows come from further off.
constexpr int64_t panel_block_steps = 512;
/// Tiles of A that one piece of work goes through at most. B is packed anew for each, A streams by.
constexpr int64_t chunk_tiles = 64;
/// Multiplications below which it does not pay to wake another thread.
constexpr int64_t worthwhile = 1 << 17;
/// The same for floats that are packed: one takes as long as a dozen multiplications, and waits for memory.
constexpr int64_t worth_packing = 1 << 13;
/// Rows of A up to which B is not packed.
constexpr int64_t most_few = 2;

/// 0 .. total split into `count` parts that differ by one at most, larger first.
struct Split {
  int64_t total;
  int64_t count;
  int64_t begin(int64_t i) const { return i * (total / count) + std::min(i, total % count); }
  int64_t size(int64_t i) const { return total / count + (i < total % count ? 1 : 0); }
};

Split split(int64_t total, int64_t most) { return {total, std::max<int64_t>(1, (total + most - 1) / most)}; }

const GemmTable& table() { return RNNX_TABLE(gemm_table); }

/// Where B comes from: packed before, or packed a block of panels at a time.
struct Source {
  const PackedB* packed;
  bool transposed;
  const float* data;
  int64_t stride;
};

/// Where C goes: `row` and `panel` floats lead from one to the next. `whole` panels are written with all their columns.
struct Target {
  float* data;
  int64_t row;
  int64_t panel;
  bool whole;
};

/// What the product is added to: nothing, C itself (`row` is its), or one row for all (0), panels side by side.
struct Start {
  const float* data;
  int64_t row;
};

/// One range of panels for one range of tiles: all of K.
void compute(const GemmTable& isa, const Split& tiles, int64_t tile_begin, int64_t tile_end, int64_t N, const Split& steps,
             const float* packedA, const Source& B, int64_t panel_begin, int64_t panel_end, const Target& C,
             const Start& start) {
  const int64_t M = tiles.total;
  const int64_t nr = isa.columns;
  float* local = B.packed ? nullptr : scratch(Scratch::gemm_b, group_panels * steps.size(0) * nr);
  for (int64_t first = panel_begin; first < panel_end; first += group_panels) {
    const int64_t last = std::min(panel_end, first + group_panels);
    for (int64_t block = 0; block < steps.count; block++) {
      const int64_t k0 = steps.begin(block);
      const int64_t k = steps.size(block);
      if (!B.packed)
        isa.pack_b(B.transposed, std::min(last * nr, N) - first * nr, k,
                   B.transposed ? B.data + first * nr * B.stride + k0 : B.data + k0 * B.stride + first * nr, B.stride,
                   local, k * nr);
      for (int64_t t = tile_begin; t < tile_end; t++) {
        const int64_t row = tiles.begin(t);
        const float* a = packedA + k0 * M + row * k;
        for (int64_t p = first; p < last; p++) {
          const float* b = B.packed ? B.packed->data + (p * steps.total + k0) * nr : local + (p - first) * k * nr;
          const int64_t rows = tiles.size(t);
          float* const c = C.data + row * C.row + p * C.panel;
          const float* const from = block > 0 ? c : start.data ? start.data + row * start.row + p * nr : nullptr;
          isa.tile(static_cast<int>(rows), C.whole ? nr : std::min(nr, N - p * nr), k, a, rows, b, from,
                   block > 0 ? C.row : start.row, c, C.row);
        }
      }
    }
  }
}

void clear(int64_t M, int64_t N, float* C, int64_t ldc) {
  for (int64_t i = 0; i < M; i++) std::fill_n(C + i * ldc, N, 0.0f);
}

void pack_tiles(const GemmTable& isa, bool transA, const Split& tiles, int64_t begin, int64_t end, const Split& steps,
                const float* A, int64_t lda, float* packed) {
  for (int64_t block = 0; block < steps.count; block++) {
    const int64_t k0 = steps.begin(block);
    const int64_t k = steps.size(block);
    for (int64_t t = begin; t < end; t++) {
      const int64_t row = tiles.begin(t);
      isa.pack_a(transA, static_cast<int>(tiles.size(t)), k, transA ? A + k0 * lda + row : A + row * lda + k0, lda,
                 packed + k0 * tiles.total + row * k);
    }
  }
}

/// A product of few rows: B is read once, as it lies, which costs less than packing it.
void few_rows(bool transA, int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, const float* B, int64_t ldb,
              float* C, int64_t ldc, bool accumulate) {
  const GemmTable& isa = table();
  const Split steps = split(K, block_steps);
  const int64_t nr = isa.columns;
  parallel_for(panel_count(N), 1 + worthwhile / (M * nr * K), [&](int64_t from, int64_t to) {
    const int64_t column = from * nr;
    float* const sums = scratch(Scratch::gemm_b, (to - from) * nr);
    for (int64_t block = 0; block < steps.count; block++) {
      const int64_t k0 = steps.begin(block);
      for (int64_t i = 0; i < M; i++)
        isa.row(std::min(N, to * nr) - column, steps.size(block), transA ? A + k0 * lda + i : A + i * lda + k0,
                transA ? lda : 1, B + k0 * ldb + column, ldb, sums, C + i * ldc + column, accumulate || block > 0);
    }
  });
}

/// Chunks of tiles, each by some of so many panels: enough pieces of work to share evenly.
Split chunks_of(const Split& tiles, int64_t panels) {
  const int64_t wanted = 16 * thread_count();
  return split(tiles.count, std::min(chunk_tiles, std::max<int64_t>(4, tiles.count * panels / wanted)));
}

/// C_i = `start` + A_i · B_i for `count` products, one A after another, B and C side by side. B is packed only where it is one.
void packed_products(int64_t count, int64_t M, int64_t N, int64_t K, const float* packedA, const Source& B,
                     const Start& start, float* C, int64_t ldc) {
  const GemmTable& isa = table();
  const Split tiles = split(M, isa.rows);
  const Split steps = split(K, block_steps);
  const int64_t panels = panel_count(N);
  const Split chunks = chunks_of(tiles, count * panels);
  const int64_t each = chunks.size(0) * isa.rows * isa.columns * K;
  parallel_for(count * chunks.count * panels, 1 + worthwhile / each, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t i = begin / panels / chunks.count;
      const int64_t chunk = begin / panels % chunks.count;
      const int64_t from = begin % panels;
      const int64_t to = std::min(panels, from + end - begin);
      compute(isa, tiles, chunks.begin(chunk), chunks.begin(chunk) + chunks.size(chunk), N, steps, packedA + i * M * K,
              {B.packed, B.transposed, B.data + i * N, B.stride}, from, to, {C + i * N, ldc, isa.columns, false}, start);
      begin += to - from;
    }
  });
}

/// C = `start` + op(A)·B.
void product(bool transA, int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, const Source& B,
             const Start& start, float* C, int64_t ldc) {
  if (M <= 0 || N <= 0) return;
  if (K <= 0 || (M <= most_few && B.packed == nullptr && !B.transposed)) {
    if (start.data && start.data != C)
      for (int64_t i = 0; i < M; i++) std::copy_n(start.data, N, C + i * ldc);
    if (K > 0) return few_rows(transA, M, N, K, A, lda, B.data, B.stride, C, ldc, start.data != nullptr);
    return start.data ? void() : clear(M, N, C, ldc);
  }
  const GemmTable& isa = table();
  const Split tiles = split(M, isa.rows);
  const Split steps = split(K, block_steps);
  float* packedA = scratch(Scratch::gemm_a, packed_a_floats(M, K));
  parallel_for(tiles.count, 1 + worth_packing / (isa.rows * K), [&](int64_t begin, int64_t end) {
    pack_tiles(isa, transA, tiles, begin, end, steps, A, lda, packedA);
  });
  packed_products(1, M, N, K, packedA, B, start, C, ldc);
}

}  // namespace

void gemm(bool transA, bool transB, int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, const float* B,
          int64_t ldb, float* C, int64_t ldc, bool accumulate) {
  if (!transB && gemm_sparse(transA, M, N, K, block_steps, A, lda, B, ldb, nullptr, C, ldc, accumulate)) return;
  product(transA, M, N, K, A, lda, {nullptr, transB, B, ldb}, {accumulate ? C : nullptr, ldc}, C, ldc);
}

void gemm_bias(int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, const float* B, int64_t ldb,
               const float* bias, float* C, int64_t ldc) {
  if (gemm_sparse(false, M, N, K, block_steps, A, lda, B, ldb, bias, C, ldc, true)) return;
  product(false, M, N, K, A, lda, {nullptr, false, B, ldb}, {bias, 0}, C, ldc);
}

int64_t panel_width() { return table().columns; }

int64_t panel_count(int64_t N) { return (N + panel_width() - 1) / panel_width(); }

PackedB* new_packed(int64_t K, int64_t N) {
  auto packed = std::make_unique<PackedB>();
  packed->K = K;
  packed->N = N;
  packed->data = take_large(packed_b_floats(K, N));
  return packed.release();
}

void pack_rows(const PackedB* packed, int64_t begin, int64_t end, const float* rows, int64_t ldb) {
  const int64_t nr = panel_width();
  table().pack_b(false, packed->N, end - begin, rows, ldb, packed->data + begin * nr, packed->K * nr);
}

void pack_panel(const PackedB* packed, int64_t panel, const float* columns, int64_t ldb) {
  const int64_t nr = panel_width();
  table().pack_b(true, std::min(nr, packed->N - panel * nr), packed->K, columns, ldb,
                 packed->data + panel * packed->K * nr, packed->K * nr);
}

PackedB* pack_b(bool transB, int64_t K, int64_t N, const float* B, int64_t ldb) {
  PackedB* const packed = new_packed(K, N);
  pack_b_into(packed->data, transB, K, N, B, ldb);
  return packed;
}

int64_t packed_b_floats(int64_t K, int64_t N) { return panel_count(N) * K * panel_width(); }

PackedB pack_b_into(float* memory, bool transB, int64_t K, int64_t N, const float* B, int64_t ldb) {
  const GemmTable& isa = table();
  const int64_t nr = isa.columns;
  parallel_for(panel_count(N), 1 + worth_packing / (std::max<int64_t>(1, K) * nr), [&](int64_t begin, int64_t end) {
    isa.pack_b(transB, std::min(nr * end, N) - begin * nr, K, transB ? B + begin * nr * ldb : B + begin * nr, ldb,
               memory + begin * K * nr, K * nr);
  });
  return {K, N, memory};
}

void free_packed(PackedB* packed) {
  if (!packed) return;
  give_large(packed->data);
  delete packed;
}

void gemm_packed(int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, const PackedB* B, float* C, int64_t ldc,
                 bool accumulate) {
  product(false, M, N, K, A, lda, {B, false, nullptr, 0}, {accumulate ? C : nullptr, ldc}, C, ldc);
}

int64_t packed_a_floats(int64_t M, int64_t K) { return M * K; }

void pack_a(bool transA, int64_t M, int64_t K, const float* A, int64_t lda, float* packed) {
  if (M <= 0 || K <= 0) return;
  const GemmTable& isa = table();
  const Split tiles = split(M, isa.rows);
  const Split steps = split(K, block_steps);
  parallel_for(tiles.count, 1 + worth_packing / (isa.rows * K), [&](int64_t begin, int64_t end) {
    pack_tiles(isa, transA, tiles, begin, end, steps, A, lda, packed);
  });
}

void pack_a_tile(int64_t M, int64_t K, int64_t tile, const float* rows, int64_t lda, float* packed) {
  const Split tiles = split(M, table().rows);
  pack_tiles(table(), false, tiles, tile, tile + 1, split(K, block_steps), rows - tiles.begin(tile) * lda, lda, packed);
}

void pack_a_steps(int64_t M, int64_t K, int64_t begin, int64_t end, const float* rows, int64_t lda, float* packed) {
  const GemmTable& isa = table();
  const Split tiles = split(M, isa.rows);
  const Split steps = split(K, block_steps);
  for (int64_t block = 0; block < steps.count; block++) {
    const int64_t k0 = steps.begin(block);
    const int64_t k = steps.size(block);
    const int64_t from = std::max(begin, k0), to = std::min(end, k0 + k);
    if (from >= to) continue;
    for (int64_t t = 0; t < tiles.count; t++) {
      const int64_t row = tiles.begin(t);
      const int64_t height = tiles.size(t);
      isa.pack_a(true, static_cast<int>(height), to - from, rows + (from - begin) * lda + row, lda,
                 packed + k0 * M + row * k + (from - k0) * height);
    }
  }
}

void gemm_panels(int64_t M, const float* packedA, const PackedB* B, int64_t panel_begin, int64_t panel_end, float* C,
                 int64_t ldc, bool accumulate) {
  if (M <= 0 || panel_begin >= panel_end) return;
  if (B->K <= 0) {
    const int64_t from = panel_begin * panel_width();
    if (!accumulate) clear(M, std::min(B->N, panel_end * panel_width()) - from, C + from, ldc);
    return;
  }
  const GemmTable& isa = table();
  const Split tiles = split(M, isa.rows);
  compute(isa, tiles, 0, tiles.count, B->N, split(B->K, block_steps), packedA, {B, false, nullptr, 0}, panel_begin,
          panel_end, {C, ldc, isa.columns, false}, {accumulate ? C : nullptr, ldc});
}

int64_t row_tiles(int64_t M) { return split(M, table().rows).count; }

int64_t tile_row(int64_t M, int64_t tile) { return split(M, table().rows).begin(tile); }

void gemm_side_by_side(int64_t count, int64_t M, int64_t N, int64_t K, const float* packedA, const float* B, int64_t ldb,
                       float* C, int64_t ldc) {
  packed_products(count, M, N, K, packedA, {nullptr, false, B, ldb}, {nullptr, 0}, C, ldc);
}

int64_t tiles_together(int64_t M, int64_t panels) { return chunks_of(split(M, table().rows), panels).size(0); }

void gemm_tiles(int64_t M, int64_t K, const float* packedA, int64_t tile_begin, int64_t tile_end, bool transB, int64_t N,
                const float* B, int64_t ldb, int64_t panel_begin, int64_t panel_end, float* C, int64_t ldc) {
  const GemmTable& isa = table();
  compute(isa, split(M, isa.rows), tile_begin, tile_end, N, split(K, block_steps), packedA, {nullptr, transB, B, ldb},
          panel_begin, panel_end, {C, ldc, isa.columns, false}, {nullptr, 0});
}

void gemm_to_panels(int64_t M, int64_t K, const float* packedA, int64_t tile_begin, int64_t tile_end, bool transB, int64_t N,
                    const float* B, int64_t ldb, int64_t panel_begin, int64_t panel_end, float* C) {
  const GemmTable& isa = table();
  const Split tiles = split(M, isa.rows);
  const int64_t nr = isa.columns;
  const Target target = {C - panel_begin * M * nr, nr, M * nr, true};
  if (K <= 0) {
    for (int64_t p = panel_begin; p < panel_end; p++)
      std::fill(target.data + p * target.panel + tiles.begin(tile_begin) * nr,
                target.data + p * target.panel + tiles.begin(tile_end) * nr, 0.0f);
    return;
  }
  compute(isa, tiles, tile_begin, tile_end, N, split(K, block_steps), packedA, {nullptr, transB, B, ldb}, panel_begin,
          panel_end, target, {nullptr, 0});
}

void gemm_from_panels(int64_t M, const float* A, int64_t tile_begin, int64_t tile_end, const PackedB& B,
                      int64_t panel_begin, int64_t panel_end, float* C, int64_t ldc, bool accumulate) {
  const GemmTable& isa = table();
  const Split tiles = split(M, isa.rows);
  const int64_t nr = isa.columns;
  for (int64_t t = tile_begin; t < tile_end; t++) {
    const int64_t row = tiles.begin(t);
    for (int64_t p = panel_begin; p < panel_end; p++) {
      float* const c = C + row * ldc + p * nr;
      isa.tile_across(static_cast<int>(tiles.size(t)), std::min(nr, B.N - p * nr), B.K, A + row * nr, M * nr,
                      B.data + p * B.K * nr, accumulate ? c : nullptr, ldc, c, ldc);
    }
  }
}

void gemm_of_panel(const float* A, int64_t columns, const PackedB& B, int64_t panel_begin, int64_t panel_end, float* C,
                   int64_t ldc) {
  const GemmTable& isa = table();
  const int64_t nr = isa.columns;
  const Split tiles = split(columns, isa.rows);
  const Split steps = split(B.K, panel_block_steps);
  for (int64_t block = 0; block < steps.count; block++) {
    const int64_t k0 = steps.begin(block);
    for (int64_t p = panel_begin; p < panel_end; p++)
      for (int64_t t = 0; t < tiles.count; t++) {
        const int64_t row = tiles.begin(t);
        float* const c = C + row * ldc + p * nr;
        isa.tile(static_cast<int>(tiles.size(t)), std::min(nr, B.N - p * nr), steps.size(block), A + k0 * nr + row, nr,
                 B.data + (p * B.K + k0) * nr, block > 0 ? c : nullptr, ldc, c, ldc);
      }
  }
}

}  // namespace rnnx
