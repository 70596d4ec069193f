#pragma once
// Matrix products in float32, all matrices row-major. Every element of C is a sum over k in blocks of at most 800: a
// chain of (fused, where the instruction set has them) multiply-adds in the order of k within each block, block sums added
// in order. The result of an element depends on K and on the instruction set alone: not on threads, M, N or packing.

#include <cstdint>

namespace rnnx {

/// C[M,N] = op(A)[M,K] · op(B)[K,N], or C += with `accumulate`. op transposes: A is stored [K,M] with transA, B [N,K] with
/// transB. lda, ldb and ldc are row strides in elements, as stored. C must not overlap A or B. K = 0 sets C to zero (or
/// leaves it). Where few numbers of A are not zero, only those are multiplied, to the same bits. Runs on all threads.
void gemm(bool transA, bool transB, int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, const float* B,
          int64_t ldb, float* C, int64_t ldc, bool accumulate);

/// C[M,N] = bias[N] on every row + A[M,K] · B[K,N]: the bits of gemm with `accumulate` onto C filled with the bias.
void gemm_bias(int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, const float* B, int64_t ldb,
               const float* bias, float* C, int64_t ldc);

/// op(B)[K,N] rearranged for the kernels: panels of panel_width() columns, zeros where the last panel has no column.
struct PackedB {
  int64_t K;
  int64_t N;
  float* data;  // [panels][K][panel_width]
};
PackedB* pack_b(bool transB, int64_t K, int64_t N, const float* B, int64_t ldb);
void free_packed(PackedB* packed);
/// The same into memory of packed_b_floats(K, N), 64-byte aligned.
PackedB pack_b_into(float* memory, bool transB, int64_t K, int64_t N, const float* B, int64_t ldb);
int64_t packed_b_floats(int64_t K, int64_t N);
/// Packed B that is not filled yet, and its parts, for use inside a parallel region: rows [begin, end) of B, the first of them at
/// `rows`; or one panel, whose columns are rows of B transposed, the first of them at `columns`.
PackedB* new_packed(int64_t K, int64_t N);
void pack_rows(const PackedB* packed, int64_t begin, int64_t end, const float* rows, int64_t ldb);
void pack_panel(const PackedB* packed, int64_t panel, const float* columns, int64_t ldb);
/// Columns in a panel on the instruction set in use.
int64_t panel_width();
/// Panels in N columns.
int64_t panel_count(int64_t N);

/// C = A[M,K] · B with B packed once, or C += with `accumulate`; K and N are those of pack_b. Runs on all threads.
void gemm_packed(int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, const PackedB* B, float* C, int64_t ldc,
                 bool accumulate);

/// The same in pieces for use inside a parallel region: pack A once (into packed_a_floats(M, K) floats, 64-byte aligned),
/// then any thread computes any panels. C points to the whole matrix.
int64_t packed_a_floats(int64_t M, int64_t K);
void pack_a(bool transA, int64_t M, int64_t K, const float* A, int64_t lda, float* packed);
void gemm_panels(int64_t M, const float* packedA, const PackedB* B, int64_t panel_begin, int64_t panel_end, float* C,
                 int64_t ldc, bool accumulate);

/// A in parts, into the same memory: one of its row tiles, whose rows begin at `rows`; or, stored transposed, rows [begin, end)
/// of [K,M], the first of them at `rows`.
void pack_a_tile(int64_t M, int64_t K, int64_t tile, const float* rows, int64_t lda, float* packed);
void pack_a_steps(int64_t M, int64_t K, int64_t begin, int64_t end, const float* rows, int64_t lda, float* packed);

/// C_i [M,N] = A_i · B_i for i < count: A_i at packedA + i * packed_a_floats(M, K); B and C side by side, number i from column i * N
/// on. Runs on all threads.
void gemm_side_by_side(int64_t count, int64_t M, int64_t N, int64_t K, const float* packedA, const float* B, int64_t ldb,
                       float* C, int64_t ldc);

/// Panels worked on together, so that a tile of A is used from the nearest cache; their packed block stays in the next.
constexpr int64_t group_panels = 4;
/// Row tiles, at most, of the pieces of work that a product of M rows and so many panels is shared out in.
int64_t tiles_together(int64_t M, int64_t panels);

/// A matrix in panels, [panel_count(N)][M][panel_width()], is read as it lies as either operand, along rows or columns,
/// without packing. For use inside a parallel region; the rows of a product are those of its tiles, row_tiles(M) of them.
int64_t row_tiles(int64_t M);
int64_t tile_row(int64_t M, int64_t tile);
/// C = A · op(B) for a range of panels and one of row tiles, A from pack_a. C points to the whole matrix.
void gemm_tiles(int64_t M, int64_t K, const float* packedA, int64_t tile_begin, int64_t tile_end, bool transB, int64_t N,
                const float* B, int64_t ldb, int64_t panel_begin, int64_t panel_end, float* C, int64_t ldc);
/// The same with C in panels: C is where the first of these panels begins;
/// columns beyond N become zero where A is finite.
void gemm_to_panels(int64_t M, int64_t K, const float* packedA, int64_t tile_begin, int64_t tile_end, bool transB, int64_t N,
                    const float* B, int64_t ldb, int64_t panel_begin, int64_t panel_end, float* C);
/// C[M,N] = A · B, or +=, for a range of row tiles and one of B's panels, all of K as one block. A [M,K] in panels.
void gemm_from_panels(int64_t M, const float* A, int64_t tile_begin, int64_t tile_end, const PackedB& B,
                      int64_t panel_begin, int64_t panel_end, float* C, int64_t ldc, bool accumulate);
/// C[columns,N] = Aᵀ · B for one panel A [M,columns] and a range of B's panels, M in blocks of at most 512. B [M,N].
void gemm_of_panel(const float* A, int64_t columns, const PackedB& B, int64_t panel_begin, int64_t panel_end, float* C,
                   int64_t ldc);

}  // namespace rnnx
