#pragma once
// Copies of blocks between layouts: slicing, splitting, stacking, padding, tiling, reversing and transposing are one loop
// with different strides.

#include <cstdint>

namespace rnnx {

constexpr int kMaxBlockRank = 12;

/// Distances are in elements; a source stride of 0 repeats, a negative one goes backwards.
struct Block {
  int rank;
  int64_t from_start;
  int64_t to_start;
  int64_t size[kMaxBlockRank];
  int64_t from[kMaxBlockRank];
  int64_t to[kMaxBlockRank];
};

/// Drops axes of one element and joins neighbours that are one run on both sides. No size may be 0.
void merge_axes(Block& block);

/// Source and target must not overlap, nor may two elements of the block have one place in the target.
void copy_block(const Block& block, const uint32_t* source, uint32_t* target);
void copy_block(const Block& block, const uint8_t* source, uint8_t* target);

}  // namespace rnnx
