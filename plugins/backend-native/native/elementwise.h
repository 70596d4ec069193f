// Elementwise kernels: what they compute, and their table of one instruction set.
#pragma once

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

// The numbers are part of the JavaScript interface (src/addon.ts).
enum class Binary : int32_t { add, sub, mul, div, maximum, minimum, squared_difference, pow, elu_grad, count };
enum class Compare : int32_t { equal, not_equal, greater, greater_equal, less, less_equal, count };
enum class Logical : int32_t { logical_and, logical_or, count };
enum class Unary : int32_t {
  exp,
  log,
  log1p,
  expm1,
  tanh,
  sigmoid,
  softplus,
  relu,
  relu6,
  leaky_relu,  // slope alpha below zero
  elu,
  neg,
  abs,
  sign,
  square,
  sqrt,
  rsqrt,
  reciprocal,
  step,  // alpha below or at zero
  clip,  // into [alpha, beta]
  floor,
  ceil,
  sin,
  cos,
  count
};

constexpr int kMaxRank = 8;

// Two operands seen at the shape of the result: element strides, 0 along axes that repeat. The result is row-major.
struct Broadcast {
  int rank;
  int64_t size[kMaxRank];
  int64_t a[kMaxRank];
  int64_t b[kMaxRank];
};

// All functions take the flat range [begin, end) of the result, so that callers may split it as they like.
struct ElementwiseTable {
  void (*binary)(Binary op, const Broadcast& plan, const float* a, const float* b, float* out, int64_t begin,
                 int64_t end);
  void (*compare_float)(Compare op, const Broadcast& plan, const float* a, const float* b, uint8_t* out, int64_t begin,
                        int64_t end);
  void (*compare_int)(Compare op, const Broadcast& plan, const int32_t* a, const int32_t* b, uint8_t* out,
                      int64_t begin, int64_t end);
  void (*logical)(Logical op, const Broadcast& plan, const uint8_t* a, const uint8_t* b, uint8_t* out, int64_t begin,
                  int64_t end);
  void (*unary)(Unary op, const float* x, float* out, int64_t begin, int64_t end, float alpha, float beta);
  // Bit patterns of four bytes: floats and integers alike.
  void (*select)(const uint8_t* condition, const uint32_t* yes, const uint32_t* no, uint32_t* out, int64_t begin,
                 int64_t end);
  void (*float_from_int)(const int32_t* x, float* out, int64_t begin, int64_t end);
  void (*float_from_bool)(const uint8_t* x, float* out, int64_t begin, int64_t end);
  // As JavaScript converts: towards zero, modulo 2^32, 0 for NaN and infinity.
  void (*int_from_float)(const float* x, int32_t* out, int64_t begin, int64_t end);
};

RNNX_DECLARE_TABLE(ElementwiseTable, elementwise_table)

inline const ElementwiseTable& elementwise() { return RNNX_TABLE(elementwise_table); }

}  // namespace rnnx
