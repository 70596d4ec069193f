#include <algorithm>
#include <cstring>

#include "napi_support.h"
#include "parallel.h"

namespace rnnx {
namespace {

/// Elements below which splitting costs more than it brings.
constexpr int64_t grain = 65536;
/// Memory of kernels may be longer than tensors.
constexpr int64_t most = int64_t{1} << 40;

template <class T>
void fill(int64_t count, T value, T* out) {
  parallel_for(count, grain, [=](int64_t begin, int64_t end) { std::fill(out + begin, out + end, value); });
}

/// fillFloat(count, value, out); fillInt and fillBool alike.
napi_value fill_float(Call& call) {
  const int64_t count = call.size("count", 0, most);
  const float value = static_cast<float>(call.number("value"));
  float* out = call.floats("out", count);
  return call.later([=] { fill(count, value, out); });
}

napi_value fill_int(Call& call) {
  const int64_t count = call.size("count", 0, most);
  const int32_t value = static_cast<int32_t>(call.size("value", INT32_MIN));
  int32_t* out = call.ints("out", count);
  return call.later([=] { fill(count, value, out); }, true);
}

napi_value fill_bool(Call& call) {
  const int64_t count = call.size("count", 0, most);
  const uint8_t value = static_cast<uint8_t>(call.size("value", 0, 255));
  uint8_t* out = call.bytes("out", count);
  return call.later([=] { fill(count, value, out); }, true);
}

/// repeat(length, x, count, out): out[i] = x[i mod length].
napi_value repeat(Call& call) {
  const int64_t length = call.size("length", 1, most);
  const float* x = call.floats("x", length);
  const int64_t count = call.size("count", 0, most);
  float* out = call.floats("out", count);
  return call.later([=] {
    for (int64_t at = 0; at < count; at += length) std::copy_n(x, std::min(length, count - at), out + at);
  });
}

/// clearRows(count, out, width, rowCount, rows): zeros in the rows named of out [count].
napi_value clear_rows(Call& call) {
  const int64_t n = call.size("count", 0, most);
  float* out = call.floats("out", n);
  const int64_t width = call.size("width", 1);
  const int64_t count = call.size("rowCount");
  const int32_t* rows = call.ints_now("rows", count);
  for (int64_t i = 0; i < count; i++)
    if (rows[i] < 0 || rows[i] >= n / width) call.refuse("rows", "must be from 0 to less than there are rows");
  return call.later([=] {
    for (int64_t i = 0; i < count; i++) std::fill_n(out + rows[i] * width, width, 0.0f);
  });
}

}  // namespace

void register_filling(napi_env env, napi_value exports) {
  define_later(env, exports, "fillFloat", fill_float);
  define_later(env, exports, "fillInt", fill_int);
  define_later(env, exports, "fillBool", fill_bool);
  define_later(env, exports, "repeat", repeat);
  define_later(env, exports, "clearRows", clear_rows);
}

}  // namespace rnnx
