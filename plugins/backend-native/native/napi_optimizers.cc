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

/// What the kernels of one update of all parameters tell each other, a Float64Array.
struct Control {
  /// Of the gradient's norm, so far.
  double squares;
  /// Multiplies the gradient; NaN: nothing is updated.
  double scale;
  /// 1 as long as all new weights are finite, then 0.
  double finite;
};
Control* take_control(Call& call) {
  static_assert(sizeof(Control) == 3 * sizeof(double), "as JavaScript sees it");
  return reinterpret_cast<Control*>(call.doubles("control", 3));
}

/// A step whose factor on the gradient is not known before it is taken.
struct Planned {
  Step step;
  Control* control;
  /// Unrounded.
  double rate;
};

/// Weight, gradient, control, learning rate and result.
Planned take_step(Call& call) {
  Planned plan{};
  Step& step = plan.step;
  step.n = call.size("count");
  step.weight = call.floats("weight", step.n);
  step.gradient = call.floats("gradient", step.n);
  plan.control = take_control(call);
  plan.rate = call.number("rate");
  step.rate = static_cast<float>(plan.rate);
  step.out = call.floats("out", step.n);
  return plan;
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

/// update(step, begin, end) on all threads, later.
template <class Update>
napi_value run(Call& call, const Planned& plan, int64_t n, int64_t grain, const Update& update) {
  return call.later([=] {
    Step step = plan.step;
    if (std::isnan(plan.control->scale)) return;
    step.scale = static_cast<float>(plan.control->scale);
    std::atomic<bool> finite{true};
    parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      if (!update(step, begin, end)) finite.store(false, std::memory_order_relaxed);
    });
    if (!finite.load()) plan.control->finite = 0;
  });
}

napi_value sgd(Call& call) {
  const Planned plan = take_step(call);
  return run(call, plan, plan.step.n, grain,
             [](const Step& step, int64_t begin, int64_t end) { return table().sgd(part(step, begin, end)); });
}

/// sgdRows(count, weight, gradient, control, rate, out, width, rowCount, rows): only the rows named.
napi_value sgd_rows(Call& call) {
  const Planned plan = take_step(call);
  const int64_t width = call.size("width", 1);
  const int64_t count = call.size("rowCount");
  const int32_t* rows = take_rows(call, plan.step.n / width, count);
  return run(call, plan, count, 1 + grain / width, [=](const Step& step, int64_t begin, int64_t end) {
    bool finite = true;
    for (int64_t i = begin; i < end; i++)
      if (!table().sgd(part(step, rows[i] * width, (rows[i] + 1) * width))) finite = false;
    return finite;
  });
}

napi_value momentum(Call& call) {
  const Planned plan = take_step(call);
  const int64_t n = plan.step.n;
  const float mu = static_cast<float>(call.number("momentum"));
  const float* velocity = call.floats("velocity", n);
  float* velocity_out = call.floats("velocityOut", n);
  return run(call, plan, n, grain, [=](const Step& step, int64_t begin, int64_t end) {
    return table().momentum(part(step, begin, end), velocity + begin, mu, velocity_out + begin);
  });
}

napi_value adam(Call& call) {
  Planned plan = take_step(call);
  const int64_t n = plan.step.n;
  const double beta1 = call.number("beta1");
  const double beta2 = call.number("beta2");
  const double epsilon = call.number("epsilon");
  const double t = static_cast<double>(call.size("step", 1));
  const float* mean = call.floats("mean", n);
  const float* square = call.floats("square", n);
  float* mean_out = call.floats("meanOut", n);
  float* square_out = call.floats("squareOut", n);
  plan.step.rate = static_cast<float>(plan.rate / (1 - std::pow(beta1, t)));
  const AdamConstants constants = {static_cast<float>(beta1),   static_cast<float>(1 - beta1),
                                   static_cast<float>(beta2),   static_cast<float>(1 - beta2),
                                   static_cast<float>(epsilon), static_cast<float>(1 / (1 - std::pow(beta2, t)))};
  return run(call, plan, n, grain, [=](const Step& step, int64_t begin, int64_t end) {
    return table().adam(part(step, begin, end), mean + begin, square + begin, constants, mean_out + begin, square_out + begin);
  });
}

napi_value rmsprop(Call& call) {
  const Planned plan = take_step(call);
  const int64_t n = plan.step.n;
  const double decay = call.number("decay");
  const float mu = static_cast<float>(call.number("momentum"));
  const float epsilon = static_cast<float>(call.number("epsilon"));
  const float* velocity = call.floats("velocity", n);
  const float* square = call.floats("square", n);
  float* velocity_out = call.floats("velocityOut", n);
  float* square_out = call.floats("squareOut", n);
  return run(call, plan, n, grain, [=](const Step& step, int64_t begin, int64_t end) {
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

double sum_of(const std::vector<double>& parts) {
  double total = 0;
  for (const double each : parts) total += each;
  return total;
}

/// Blocks of fixed size, added up in order: the thread count does not show.
double sum_squares_of(int64_t n, const float* x) {
  constexpr int64_t block = square_block;
  std::vector<double> part(static_cast<size_t>((n + block - 1) / block));
  parallel_for(static_cast<int64_t>(part.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      part[static_cast<size_t>(i)] = table().sum_squares(std::min(block, n - i * block), x + i * block);
  });
  return sum_of(part);
}

/// The same bits where x is zero outside the rows named.
double sum_squares_of_rows(int64_t n, const float* x, int64_t width, int64_t count, const int32_t* rows) {
  std::vector<double> part(static_cast<size_t>((n + square_block - 1) / square_block));
  parallel_for(static_cast<int64_t>(part.size()), 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i * square_block, last = std::min(n, first + square_block);
      SquareLanes lanes = {};
      int64_t block = -1;
      double& total = part[static_cast<size_t>(i)];
      for (const int32_t* row = std::lower_bound(rows, rows + count, first / width); row < rows + count; row++) {
        if (*row * width >= last) break;
        for (int64_t at = std::max(first, *row * width), end = std::min(last, (*row + 1) * width); at < end;) {
          const int64_t begin = at / squares_together * squares_together;
          if (begin != block) total += lanes.take();
          block = begin;
          const int64_t until = std::min(end, begin + squares_together);
          table().add_squares(std::min(squares_together, n - begin), x + begin, at - begin, until - begin, lanes);
          at = until;
        }
      }
      total += lanes.take();
    }
  });
  return sum_of(part);
}

/// addSquares(count, x, control)
napi_value add_squares(Call& call) {
  const int64_t n = call.size("count");
  const float* x = call.floats("x", n);
  Control* const control = take_control(call);
  return call.later([=] { control->squares += sum_squares_of(n, x); });
}

/// addSquaresRows(count, x, control, width, rowCount, rows)
napi_value add_squares_rows(Call& call) {
  const int64_t n = call.size("count");
  const float* x = call.floats("x", n);
  Control* const control = take_control(call);
  const int64_t width = call.size("width", 1);
  const int64_t count = call.size("rowCount");
  const int32_t* rows = take_rows(call, n / width, count);
  return call.later([=] { control->squares += sum_squares_of_rows(n, x, width, count, rows); });
}

/// clip(control, limit, first, second, third, numbers): the factor by which the gradient's norm comes down to the limit, 1 at
/// most; none where the norm or the sum of the first two numbers is not finite, or a kernel before got no memory. In float32, as
/// tensor operations have it. numbers [3]: a copy of the three, 0 for none, so that nobody need keep their tensors.
napi_value clip(Call& call) {
  Control* const control = take_control(call);
  const float limit = static_cast<float>(call.number("limit"));
  const float* first = call.floats("first", 1);
  const float* second = call.floats("second", 1);
  const float* third = call.floats_or_null("third", 1);
  double* const numbers = call.doubles("numbers", 3);
  return call.later([=] {
    numbers[0] = *first;
    numbers[1] = *second;
    numbers[2] = third ? *third : 0;
    const float norm = static_cast<float>(std::sqrt(static_cast<double>(static_cast<float>(control->squares))));
    const bool sound = !earlier_command_failed() && std::isfinite(norm) &&
                       std::isfinite(numbers[0] + numbers[1]);
    const float down = limit / norm;
    control->scale = sound ? (down < 1 ? down : 1.0f) : std::nan("");
  });
}

}  // namespace

void register_optimizers(napi_env env, napi_value exports) {
  define_later(env, exports, "sgd", sgd);
  define_later(env, exports, "sgdRows", sgd_rows);
  define_later(env, exports, "momentum", momentum);
  define_later(env, exports, "adam", adam);
  define_later(env, exports, "rmsprop", rmsprop);
  define_later(env, exports, "average", average);
  define_later(env, exports, "addSquares", add_squares);
  define_later(env, exports, "addSquaresRows", add_squares_rows);
  define_later(env, exports, "clip", clip);
}

}  // namespace rnnx
