#include "strided.h"

#include <algorithm>
#include <cstring>

#include "parallel.h"

namespace rnnx {
namespace {

constexpr int64_t kGrain = 16384;
/// Side of a square in a transposing copy: a cache line of floats.
constexpr int64_t kTile = 16;

/// Places of the first element of each row, a row being what runs along the block's last axis (and `along`, if any).
class Rows {
 public:
  Rows(const Block& block, int axes, int64_t row) : block_(block), axes_(axes) {
    from = block.from_start;
    to = block.to_start;
    for (int axis = axes - 1; axis >= 0; axis--) {
      index_[axis] = row % block.size[axis];
      row /= block.size[axis];
      from += index_[axis] * block.from[axis];
      to += index_[axis] * block.to[axis];
    }
  }

  void next() {
    for (int axis = axes_ - 1; axis >= 0; axis--) {
      from += block_.from[axis];
      to += block_.to[axis];
      if (++index_[axis] < block_.size[axis]) return;
      from -= block_.from[axis] * block_.size[axis];
      to -= block_.to[axis] * block_.size[axis];
      index_[axis] = 0;
    }
  }

  int64_t from;
  int64_t to;

 private:
  const Block& block_;
  const int axes_;
  int64_t index_[kMaxBlockRank];
};

template <class T>
void copy_row(const T* source, int64_t from, T* target, int64_t to, int64_t n) {
  if (from == 1 && to == 1 && n >= 16) {
    std::memcpy(target, source, static_cast<size_t>(n) * sizeof(T));
  } else if (to == 1 && from == 0) {
    for (int64_t i = 0; i < n; i++) target[i] = source[0];
  } else {
    for (int64_t i = 0; i < n; i++) target[i * to] = source[i * from];
  }
}

/// target[i * to + j] = source[i + j * from] for i in [begin, end), j below n. Goes through a square on the stack, so that every
/// cache line of either side is touched once: with strides of a power of two they would drive each other out.
template <class T>
void copy_tiles(const T* source, int64_t from, T* target, int64_t to, int64_t begin, int64_t end, int64_t n) {
  T square[kTile][kTile];
  for (int64_t i = begin; i < end; i += kTile) {
    const int64_t rows = std::min(kTile, end - i);
    for (int64_t j = 0; j < n; j += kTile) {
      const int64_t columns = std::min(kTile, n - j);
      for (int64_t column = 0; column < columns; column++) {
        const T* read = source + i + (j + column) * from;
        for (int64_t row = 0; row < rows; row++) square[row][column] = read[row];
      }
      for (int64_t row = 0; row < rows; row++)
        std::memcpy(target + (i + row) * to + j, square[row], static_cast<size_t>(columns) * sizeof(T));
    }
  }
}

template <class T>
void copy(const Block& original, const T* source, T* target) {
  Block block = original;
  merge_axes(block);
  const int last = block.rank - 1;
  const int64_t n = block.size[last];
  if (last == 0 && block.from[0] == 1 && block.to[0] == 1) {
    const T* read = source + block.from_start;
    T* write = target + block.to_start;
    parallel_for(n, kGrain * 4, [=](int64_t begin, int64_t end) {
      std::memcpy(write + begin, read + begin, static_cast<size_t>(end - begin) * sizeof(T));
    });
    return;
  }
  // A transposing copy: the target runs along the last axis, the source along another.
  int along = -1;
  if (block.to[last] == 1 && block.from[last] > 1)
    for (int axis = 0; axis < last; axis++)
      if (block.from[axis] == 1) along = axis;
  if (along >= 0 && n > 4 && block.size[along] > 4) {
    const int64_t length = block.size[along], stride = block.to[along];
    std::rotate(block.size + along, block.size + along + 1, block.size + block.rank);
    std::rotate(block.from + along, block.from + along + 1, block.from + block.rank);
    std::rotate(block.to + along, block.to + along + 1, block.to + block.rank);
    // Now the axes are: the outer ones, the target's last, the source's.
    const int outer = last - 1;
    const int64_t pieces = (length + kTile - 1) / kTile;
    int64_t blocks = pieces;
    for (int axis = 0; axis < outer; axis++) blocks *= block.size[axis];
    parallel_for(blocks, std::max<int64_t>(1, kGrain / (kTile * n)), [&](int64_t begin, int64_t end) {
      for (int64_t each = begin; each < end; each++) {
        const Rows at(block, outer, each / pieces);
        const int64_t first = each % pieces * kTile;
        copy_tiles(source + at.from, block.from[outer], target + at.to, stride, first, std::min(length, first + kTile), n);
      }
    });
    return;
  }
  int64_t rows = 1;
  for (int axis = 0; axis < last; axis++) rows *= block.size[axis];
  parallel_for(rows, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
    Rows at(block, last, begin);
    for (int64_t row = begin; row < end; row++, at.next())
      copy_row(source + at.from, block.from[last], target + at.to, block.to[last], n);
  });
}

}  // namespace

void merge_axes(Block& block) {
  int kept = 0;
  for (int axis = 0; axis < block.rank; axis++) {
    const int64_t size = block.size[axis], from = block.from[axis], to = block.to[axis];
    if (size == 1) continue;
    if (kept > 0 && block.from[kept - 1] == from * size && block.to[kept - 1] == to * size) {
      block.size[kept - 1] *= size;
      block.from[kept - 1] = from;
      block.to[kept - 1] = to;
    } else {
      block.size[kept] = size;
      block.from[kept] = from;
      block.to[kept] = to;
      kept++;
    }
  }
  if (kept == 0) {
    block.size[0] = block.from[0] = block.to[0] = 1;
    kept = 1;
  }
  block.rank = kept;
}

void copy_block(const Block& block, const uint32_t* source, uint32_t* target) { copy(block, source, target); }
void copy_block(const Block& block, const uint8_t* source, uint8_t* target) { copy(block, source, target); }

}  // namespace rnnx
