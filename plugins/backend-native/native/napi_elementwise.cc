#include "elementwise.h"
#include "napi_support.h"
#include "parallel.h"

namespace rnnx {
namespace {

/// Elements below which splitting costs more than it brings, for operations of one and of many instructions.
constexpr int64_t kCheap = 32768;
constexpr int64_t kDear = 4096;

struct Operands {
  Broadcast plan;
  int64_t a;
  int64_t b;
  int64_t out;
};

/// The next argument: an Int32Array of 17 with the rank r of the result, r sizes of a, then r of b; 1 where an axis
/// repeats.
Operands operands(Call& call) {
  const int32_t* shape = call.ints("shapes", 1 + 2 * kMaxRank);
  const int rank = *shape++;
  if (rank < 1 || rank > kMaxRank) call.refuse("shapes", "must begin with a rank from 1 to 8");
  Operands found{{0, {}, {}, {}}, 1, 1, 1};
  // From the last axis, so that strides are known; kept in reverse until the end.
  int64_t size[kMaxRank], a[kMaxRank], b[kMaxRank];
  int kept = 0;
  for (int axis = rank - 1; axis >= 0; axis--) {
    const int64_t ofA = shape[axis];
    const int64_t ofB = shape[rank + axis];
    if (ofA < 0 || ofB < 0 || (ofA != ofB && ofA != 1 && ofB != 1))
      call.refuse("shapes", "must be sizes that broadcast together");
    const int64_t length = ofA == 1 ? ofB : ofA;
    if (length != 1) {
      const int64_t strideA = ofA == 1 ? 0 : found.a;
      const int64_t strideB = ofB == 1 ? 0 : found.b;
      const bool joins = kept > 0 && strideA == a[kept - 1] * size[kept - 1] && strideB == b[kept - 1] * size[kept - 1];
      if (joins) {
        size[kept - 1] *= length;
      } else {
        size[kept] = length;
        a[kept] = strideA;
        b[kept] = strideB;
        kept++;
      }
    }
    found.a *= ofA;
    found.b *= ofB;
    found.out *= length;
    if (found.out > INT32_MAX || found.a > INT32_MAX || found.b > INT32_MAX)
      call.refuse("shapes", "must have less than 2^31 elements");
  }
  if (kept == 0) {
    size[0] = 1;
    a[0] = b[0] = 0;
    kept = 1;
  }
  found.plan.rank = kept;
  for (int i = 0; i < kept; i++) {
    found.plan.size[i] = size[kept - 1 - i];
    found.plan.a[i] = a[kept - 1 - i];
    found.plan.b[i] = b[kept - 1 - i];
  }
  return found;
}

template <class Op>
Op operation(Call& call) {
  return static_cast<Op>(call.size("operation", 0, static_cast<int64_t>(Op::count) - 1));
}

/// binary(operation, shapes, a, b, out)
napi_value binary(Call& call) {
  const Binary op = operation<Binary>(call);
  const Operands sizes = operands(call);
  const float* a = call.floats("a", sizes.a);
  const float* b = call.floats("b", sizes.b);
  float* out = call.floats("out", sizes.out);
  const auto& run = elementwise().binary;
  return call.later([=] {
    parallel_for(sizes.out, op == Binary::pow ? kDear : kCheap,
                 [&](int64_t begin, int64_t end) { run(op, sizes.plan, a, b, out, begin, end); });
  });
}

/// compareFloat(operation, shapes, a, b, out)
napi_value compare_float(Call& call) {
  const Compare op = operation<Compare>(call);
  const Operands sizes = operands(call);
  const float* a = call.floats("a", sizes.a);
  const float* b = call.floats("b", sizes.b);
  uint8_t* out = call.bytes("out", sizes.out);
  const auto& run = elementwise().compare_float;
  return call.later([=] {
    parallel_for(sizes.out, kCheap, [&](int64_t begin, int64_t end) { run(op, sizes.plan, a, b, out, begin, end); });
  }, true);
}

/// compareInt(operation, shapes, a, b, out)
napi_value compare_int(Call& call) {
  const Compare op = operation<Compare>(call);
  const Operands sizes = operands(call);
  const int32_t* a = call.ints("a", sizes.a);
  const int32_t* b = call.ints("b", sizes.b);
  uint8_t* out = call.bytes("out", sizes.out);
  const auto& run = elementwise().compare_int;
  return call.later([=] {
    parallel_for(sizes.out, kCheap, [&](int64_t begin, int64_t end) { run(op, sizes.plan, a, b, out, begin, end); });
  }, true);
}

/// logical(operation, shapes, a, b, out)
napi_value logical(Call& call) {
  const Logical op = operation<Logical>(call);
  const Operands sizes = operands(call);
  const uint8_t* a = call.bytes("a", sizes.a);
  const uint8_t* b = call.bytes("b", sizes.b);
  uint8_t* out = call.bytes("out", sizes.out);
  const auto& run = elementwise().logical;
  return call.later([=] {
    parallel_for(sizes.out, kCheap, [&](int64_t begin, int64_t end) { run(op, sizes.plan, a, b, out, begin, end); });
  }, true);
}

/// unary(operation, count, x, out, alpha, beta)
napi_value unary(Call& call) {
  const Unary op = operation<Unary>(call);
  const int64_t count = call.size("count");
  const float* x = call.floats("x", count);
  float* out = call.floats("out", count);
  const float alpha = static_cast<float>(call.number("alpha"));
  const float beta = static_cast<float>(call.number("beta"));
  const auto& run = elementwise().unary;
  return call.later([=] {
    parallel_for(count, op == Unary::sin || op == Unary::cos ? kDear : kDear * 2,
                 [&](int64_t begin, int64_t end) { run(op, x, out, begin, end, alpha, beta); });
  });
}

void select_bits(int64_t count, const uint8_t* condition, const void* yes, const void* no, void* out) {
  const auto& run = elementwise().select;
  parallel_for(count, kCheap, [&](int64_t begin, int64_t end) {
    run(condition, static_cast<const uint32_t*>(yes), static_cast<const uint32_t*>(no), static_cast<uint32_t*>(out),
        begin, end);
  });
}

/// selectFloat(count, condition, yes, no, out)
napi_value select_float(Call& call) {
  const int64_t count = call.size("count");
  const uint8_t* condition = call.bytes("condition", count);
  const float* yes = call.floats("yes", count);
  const float* no = call.floats("no", count);
  float* out = call.floats("out", count);
  return call.later([=] { select_bits(count, condition, yes, no, out); });
}

/// selectInt(count, condition, yes, no, out)
napi_value select_int(Call& call) {
  const int64_t count = call.size("count");
  const uint8_t* condition = call.bytes("condition", count);
  const int32_t* yes = call.ints("yes", count);
  const int32_t* no = call.ints("no", count);
  int32_t* out = call.ints("out", count);
  return call.later([=] { select_bits(count, condition, yes, no, out); }, true);
}

/// floatFromInt(count, x, out)
napi_value float_from_int(Call& call) {
  const int64_t count = call.size("count");
  const int32_t* x = call.ints("x", count);
  float* out = call.floats("out", count);
  return call.later([=] {
    parallel_for(count, kCheap, [&](int64_t begin, int64_t end) { elementwise().float_from_int(x, out, begin, end); });
  });
}

/// floatFromBool(count, x, out)
napi_value float_from_bool(Call& call) {
  const int64_t count = call.size("count");
  const uint8_t* x = call.bytes("x", count);
  float* out = call.floats("out", count);
  return call.later([=] {
    parallel_for(count, kCheap, [&](int64_t begin, int64_t end) { elementwise().float_from_bool(x, out, begin, end); });
  });
}

/// intFromFloat(count, x, out)
napi_value int_from_float(Call& call) {
  const int64_t count = call.size("count");
  const float* x = call.floats("x", count);
  int32_t* out = call.ints("out", count);
  return call.later([=] {
    parallel_for(count, kCheap, [&](int64_t begin, int64_t end) { elementwise().int_from_float(x, out, begin, end); });
  }, true);
}

}  // namespace

void register_elementwise(napi_env env, napi_value exports) {
  define_later(env, exports, "binary", binary);
  define_later(env, exports, "compareFloat", compare_float);
  define_later(env, exports, "compareInt", compare_int);
  define_later(env, exports, "logical", logical);
  define_later(env, exports, "unary", unary);
  define_later(env, exports, "selectFloat", select_float);
  define_later(env, exports, "selectInt", select_int);
  define_later(env, exports, "floatFromInt", float_from_int);
  define_later(env, exports, "floatFromBool", float_from_bool);
  define_later(env, exports, "intFromFloat", int_from_float);
}

}  // namespace rnnx
