#pragma once
// Numbers from Philox 4x32-10 (Salmon et al., SC 2011) under one key of two words, from counter 0 on: the same as those of
// the framework's generator, bit for bit, at any thread count. Element i of a fill uses word i.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

struct RandomTable {
  /// Blocks of four words: counters first .. first + blocks - 1.
  void (*words)(uint32_t first, int64_t blocks, uint32_t key0, uint32_t key1, uint32_t* out);
  /// (word >> 9 + 1/2) 2^-23. In place of the words, n of them.
  void (*uniforms)(int64_t n, const uint32_t* words, float* out);
  /// `kept` where word < limit, else 0.
  void (*bernoulli)(int64_t n, const uint32_t* words, uint64_t limit, float kept, float* out);
  /// (word + 1/2) 2^-32.
  void (*doubles)(int64_t n, const uint32_t* words, double* out);
  /// Box and Muller from pairs of words; n is even.
  void (*normals)(int64_t n, const uint32_t* words, float* out);
};
RNNX_DECLARE_TABLE(RandomTable, random_table)

}  // namespace rnnx
