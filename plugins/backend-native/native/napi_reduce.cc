#include <algorithm>
#include <vector>

#include "napi_support.h"
#include "parallel.h"
#include "reduce.h"

namespace rnnx {
namespace {

constexpr int64_t kGrain = 16384;

/// Sum of a long row: chunk sums in order, so that it does not matter who computed them.
double sum_row(const float* x, int64_t n) {
  double total = 0;
  for (int64_t k = 0; k < n; k += kSumChunk) total += reductions().sum(x + k, std::min(kSumChunk, n - k));
  return total;
}

/// x [rows, n] -> out [rows]
void sum_rows(const float* x, int64_t rows, int64_t n, float* out, double divisor) {
  const int64_t chunks = (n + kSumChunk - 1) / kSumChunk;
  if (rows >= 8 || chunks < 2) {
    parallel_for(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(n, 1)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) out[i] = static_cast<float>(sum_row(x + i * n, n) / divisor);
    });
    return;
  }
  std::vector<double> parts(static_cast<size_t>(rows * chunks));
  parallel_for(rows * chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; part++) {
      const int64_t first = part % chunks * kSumChunk;
      parts[static_cast<size_t>(part)] = reductions().sum(x + part / chunks * n + first, std::min(kSumChunk, n - first));
    }
  });
  for (int64_t i = 0; i < rows; i++) {
    double total = 0;
    for (int64_t part = 0; part < chunks; part++) total += parts[static_cast<size_t>(i * chunks + part)];
    out[i] = static_cast<float>(total / divisor);
  }
}

void reduce_to(Reduce op, int64_t outer, int64_t count, int64_t inner, const float* x, float* out) {
  const ReduceTable& table = reductions();
  const double divisor = op == Reduce::mean ? static_cast<double>(count) : 1.0;
  if (inner == 1) {
    if (op == Reduce::sum || op == Reduce::mean) {
      sum_rows(x, outer, count, out, divisor);
    } else {
      const auto extreme = op == Reduce::max ? table.max : table.min;
      parallel_for(outer, std::max<int64_t>(1, kGrain / std::max<int64_t>(count, 1)), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) out[i] = extreme(x + i * count, count);
      });
    }
    return;
  }
  // A cache line of columns is the least that a thread takes.
  constexpr int64_t least = 16;
  const int64_t groups = (inner + least - 1) / least;
  const int64_t grain = std::max<int64_t>(4, kGrain / (least * std::max<int64_t>(count, 1)));
  parallel_for(outer * groups, grain, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t o = begin / groups;
      const int64_t first = begin % groups * least;
      const int64_t taken = std::min(groups - begin % groups, end - begin);
      const int64_t stop = std::min(inner, first + taken * least);
      const float* block = x + o * count * inner;
      float* row = out + o * inner;
      if (op == Reduce::max) {
        table.max_columns(block, count, inner, row, first, stop);
      } else if (op == Reduce::min) {
        table.min_columns(block, count, inner, row, first, stop);
      } else {
        table.sum_columns(block, count, inner, row, first, stop, divisor);
      }
      begin += taken;
    }
  });
}

/// reduce(operation, outer, count, inner, x, out): x [outer, count, inner] -> out [outer, inner]. Sums and means are
/// added up in doubles; NaN makes the largest and smallest NaN.
napi_value reduce(Call& call) {
  const auto op = static_cast<Reduce>(call.size("operation", 0, static_cast<int64_t>(Reduce::count) - 1));
  const int64_t outer = call.size("outer");
  const int64_t count = call.size("count");
  const int64_t inner = call.size("inner");
  if (outer * inner > INT32_MAX || outer * count > INT32_MAX || (outer * count) * inner > INT32_MAX)
    call.refuse("outer", "makes too many elements");
  const float* x = call.floats("x", outer * count * inner);
  float* out = call.floats("out", outer * inner);
  if (outer * inner == 0) return nullptr;
  return call.later([=] { reduce_to(op, outer, count, inner, x, out); });
}

/// softmax(rows, width, x, out), along rows; out may be x.
napi_value softmax(Call& call) {
  const int64_t rows = call.size("rows");
  const int64_t width = call.size("width");
  const float* x = call.floats("x", rows * width);
  float* out = call.floats("out", rows * width);
  return call.later([=] {
    parallel_for(rows, std::max<int64_t>(1, 2048 / std::max<int64_t>(width, 1)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) reductions().softmax(x + i * width, out + i * width, width);
    });
  });
}

}  // namespace

void register_reduce(napi_env env, napi_value exports) {
  define_later(env, exports, "reduce", reduce);
  define_later(env, exports, "softmax", softmax);
}

}  // namespace rnnx
