#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "napi_support.h"
#include "optimizers.h"
#include "parallel.h"

namespace rnnx {

namespace {

constexpr int64_t grain = 1 << 14;
/// Elements whose squares are added up apart.
constexpr int64_t square_block = 1 << 15;

const OptimizerTable& table() { return RNNX_TABLE(optimizer_table); }

/// Weight, gradient, factor on the gradient, learning rate and result. The rate is also given unrounded.
Step take_step(Call& call, double* exact_rate = nullptr) {
  Step step;
  step.n = call.size("count");
  step.weight = call.floats("weight", step.n);
  step.gradient = call.floats("gradient", step.n);
  step.scale = static_cast<float>(call.number("scale"));
  const double rate = call.number("rate");
  if (exact_rate) *exact_rate = rate;
  step.rate = static_cast<float>(rate);
  step.out = call.floats("out", step.n);
  return step;
}

/// The step for begin .. end-1 only.
Step part(const Step& step, int64_t begin, int64_t end) {
  return {end - begin, step.weight + begin, step.gradient + begin, step.scale, step.rate, step.out + begin};
}

/// Numbers of rows, ascending, each below `limit`.
const int32_t* take_rows(Call& call, int64_t limit, int64_t count) {
  const int32_t* rows = call.ints("rows", count);
  for (int64_t i = 0; i < count; i++)
    if (rows[i] < 0 || rows[i] >= limit || (i > 0 && rows[i] <= rows[i - 1]))
      call.refuse("rows", "must ascend from 0 or more to less than there are rows");
  return rows;
}

/// update(begin, end) on all threads; tells JavaScript whether all new weights are finite.
template <class Update>
napi_value run(Call& call, int64_t n, int64_t grain, const Update& update) {
  std::atomic<bool> finite{true};
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    if (!update(begin, end)) finite.store(false, std::memory_order_relaxed);
  });
  return make_boolean(call.env, finite.load());
}

napi_value sgd(Call& call) {
  const Step step = take_step(call);
  return run(call, step.n, grain, [&](int64_t begin, int64_t end) { return table().sgd(part(step, begin, end)); });
}

/// sgdRows(count, weight, gradient, scale, rate, out, width, rowCount, rows): only the rows named.
napi_value sgd_rows(Call& call) {
  const Step step = take_step(call);
  const int64_t width = call.size("width", 1);
  const int64_t count = call.size("rowCount");
  const int32_t* rows = take_rows(call, step.n / width, count);
  return run(call, count, 1 + grain / width, [&](int64_t begin, int64_t end) {
    bool finite = true;
    for (int64_t i = begin; i < end; i++)
      if (!table().sgd(part(step, rows[i] * width, (rows[i] + 1) * width))) finite = false;
    return finite;
  });
}

napi_value momentum(Call& call) {
  const Step step = take_step(call);
  const float mu = static_cast<float>(call.number("momentum"));
  const float* velocity = call.floats("velocity", step.n);
  float* velocity_out = call.floats("velocityOut", step.n);
  return run(call, step.n, grain, [&](int64_t begin, int64_t end) {
    return table().momentum(part(step, begin, end), velocity + begin, mu, velocity_out + begin);
  });
}

napi_value adam(Call& call) {
  double rate = 0;
  Step step = take_step(call, &rate);
  const double beta1 = call.number("beta1");
  const double beta2 = call.number("beta2");
  const double epsilon = call.number("epsilon");
  const double t = static_cast<double>(call.size("step", 1));
  const float* mean = call.floats("mean", step.n);
  const float* square = call.floats("square", step.n);
  float* mean_out = call.floats("meanOut", step.n);
  float* square_out = call.floats("squareOut", step.n);
  step.rate = static_cast<float>(rate / (1 - std::pow(beta1, t)));
  const AdamConstants constants = {static_cast<float>(beta1),   static_cast<float>(1 - beta1),
                                   static_cast<float>(beta2),   static_cast<float>(1 - beta2),
                                   static_cast<float>(epsilon), static_cast<float>(1 / (1 - std::pow(beta2, t)))};
  return run(call, step.n, grain, [&](int64_t begin, int64_t end) {
    return table().adam(part(step, begin, end), mean + begin, square + begin, constants, mean_out + begin, square_out + begin);
  });
}

napi_value rmsprop(Call& call) {
  const Step step = take_step(call);
  const double decay = call.number("decay");
  const float mu = static_cast<float>(call.number("momentum"));
  const float epsilon = static_cast<float>(call.number("epsilon"));
  const float* velocity = call.floats("velocity", step.n);
  const float* square = call.floats("square", step.n);
  float* velocity_out = call.floats("velocityOut", step.n);
  float* square_out = call.floats("squareOut", step.n);
  return run(call, step.n, grain, [&](int64_t begin, int64_t end) {
    return table().rmsprop(part(step, begin, end), velocity + begin, square + begin, static_cast<float>(decay),
                    static_cast<float>(1 - decay), mu, epsilon, velocity_out + begin, square_out + begin);
  });
}

napi_value average(Call& call) {
  const int64_t n = call.size("count");
  const float* mean = call.floats("mean", n);
  const float* weight = call.floats("weight", n);
  const float share = static_cast<float>(1 / call.number("iterates"));
  float* out = call.floats("out", n);
  return call.later([=] {
    parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      table().average(end - begin, mean + begin, weight + begin, share, out + begin);
    });
  });
}

napi_value sum_squares(Call& call) {
  const int64_t n = call.size("count");
  const float* x = call.floats("x", n);
  // Blocks of fixed size, added up in order: the thread count does not show.
  constexpr int64_t block = square_block;
  const int64_t blocks = (n + block - 1) / block;
  std::vector<double> part(static_cast<size_t>(blocks));
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      part[static_cast<size_t>(i)] = table().sum_squares(std::min(block, n - i * block), x + i * block);
  });
  double total = 0;
  for (const double each : part) total += each;
  return make_number(call.env, total);
}

/// sumSquaresRows(count, x, width, rowCount, rows): the bits of sumSquares where x is zero outside the rows named.
napi_value sum_squares_rows(Call& call) {
  const int64_t n = call.size("count");
  const float* x = call.floats("x", n);
  const int64_t width = call.size("width", 1);
  const int64_t count = call.size("rowCount");
  const int32_t* rows = take_rows(call, n / width, count);
  // Of blocks that the kernel adds up by themselves, those without a row would add zero.
  constexpr int64_t small = 1024;
  const int64_t blocks = (n + square_block - 1) / square_block;
  std::vector<double> part(static_cast<size_t>(blocks));
  parallel_for(blocks, 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t limit = std::min(n, (i + 1) * square_block);
      int64_t at = i * square_block;
      for (const int32_t* row = std::lower_bound(rows, rows + count, at / width); row < rows + count; row++) {
        const int64_t row_end = std::min(limit, (*row + 1) * width);
        for (at = std::max(at, *row * width / small * small); at < row_end; at += small)
          part[static_cast<size_t>(i)] += table().sum_squares(std::min(small, n - at), x + at);
      }
    }
  });
  double total = 0;
  for (const double each : part) total += each;
  return make_number(call.env, total);
}

}  // namespace

void register_optimizers(napi_env env, napi_value exports) {
  define(env, exports, "sgd", sgd);
  define(env, exports, "sgdRows", sgd_rows);
  define(env, exports, "momentum", momentum);
  define(env, exports, "adam", adam);
  define(env, exports, "rmsprop", rmsprop);
  define_later(env, exports, "average", average);
  define(env, exports, "sumSquares", sum_squares);
  define(env, exports, "sumSquaresRows", sum_squares_rows);
}

}  // namespace rnnx
