#pragma once
// One update of one parameter, element by element, in float32 with a rounding after each operation: the same bits as the
// composition of tensor operations. `scale` multiplies the gradient first (clipping). Outputs may be the inputs. Updates tell
// whether all new weights are finite.

#include <cstdint>

#include "dispatch.h"

namespace rnnx {

struct Step {
  int64_t n;
  const float* weight;
  const float* gradient;
  float scale;
  float rate;
  float* out;
};

struct AdamConstants {
  float beta1, rest1, beta2, rest2, epsilon;
  /// 1 / (1 - beta2^t); the mean's correction is in the rate.
  float correction;
};

/// Squares that are added up in double precision before they are added to others.
constexpr int64_t squares_together = 1024;

/// Their eight sums: number i of them is in sum i mod 8, those after the last whole eight in the first.
struct SquareLanes {
  double sum[8];
  /// All of them; none are left.
  double take() {
    const double all = ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
    *this = {};
    return all;
  }
};

struct OptimizerTable {
  /// w - rate g
  bool (*sgd)(const Step& step);
  /// v' = mu v - rate g; w + v'
  bool (*momentum)(const Step& step, const float* velocity, float mu, float* velocity_out);
  /// m' = b1 m + (1-b1) g; s' = b2 s + (1-b2) g²; w - rate (m' / (sqrt(s' correction) + eps))
  bool (*adam)(const Step& step, const float* mean, const float* square, const AdamConstants& c, float* mean_out,
               float* square_out);
  /// s' = d s + (1-d) g²; v' = mu v + rate g / sqrt(s' + eps); w - v'
  bool (*rmsprop)(const Step& step, const float* velocity, const float* square, float decay, float rest, float mu,
                  float epsilon, float* velocity_out, float* square_out);
  /// mean + (w - mean) part
  void (*average)(int64_t n, const float* mean, const float* weight, float part, float* out);
  /// Σ x², squares_together at a time.
  double (*sum_squares)(int64_t n, const float* x);
  /// Adds the squares of numbers [begin, end) of n, at most squares_together.
  void (*add_squares)(int64_t n, const float* x, int64_t begin, int64_t end, SquareLanes& lanes);
};
RNNX_DECLARE_TABLE(OptimizerTable, optimizer_table)

}  // namespace rnnx
