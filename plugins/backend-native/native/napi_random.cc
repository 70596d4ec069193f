#include <algorithm>
#include <cmath>

#include "napi_support.h"
#include "parallel.h"
#include "random.h"

namespace rnnx {
namespace {

/// Words made at a time; whole blocks of four, whole pairs.
constexpr int64_t piece = 2048;

struct Key {
  uint32_t low;
  uint32_t high;
};

Key take_key(Call& call) {
  const int64_t low = call.size("key0", 0, UINT32_MAX);
  const int64_t high = call.size("key1", 0, UINT32_MAX);
  return {static_cast<uint32_t>(low), static_cast<uint32_t>(high)};
}

/// use(first, n, words) on pieces of the words 0 .. count-1, each with its n words.
template <class F>
void for_words(Key key, int64_t count, const F& use) {
  const RandomTable& table = RNNX_TABLE(random_table);
  parallel_for((count + piece - 1) / piece, 4, [&](int64_t begin, int64_t end) {
    uint32_t words[piece];
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i * piece;
      const int64_t n = std::min(piece, count - first);
      table.words(static_cast<uint32_t>(first / 4), (n + 3) / 4, key.low, key.high, words);
      use(table, first, n, words);
    }
  });
}

napi_value words(Call& call) {
  const Key key = take_key(call);
  const int64_t count = call.size("count");
  uint32_t* out = call.words("out", count);
  for_words(key, count, [out](const RandomTable&, int64_t first, int64_t n, const uint32_t* from) {
    std::copy(from, from + n, out + first);
  });
  return nullptr;
}

napi_value uniforms(Call& call) {
  const Key key = take_key(call);
  const int64_t count = call.size("count");
  float* out = call.floats("out", count);
  return call.later([=] {
    for_words(key, count, [out](const RandomTable& table, int64_t first, int64_t n, const uint32_t* from) {
      table.uniforms(n, from, out + first);
    });
  });
}

napi_value bernoulli(Call& call) {
  const Key key = take_key(call);
  const int64_t count = call.size("count");
  const double keep = call.number("keep");
  if (!(keep >= 0 && keep <= 1)) call.refuse("keep", "must be from 0 to 1");
  const float kept = static_cast<float>(call.number("kept"));
  float* out = call.floats("out", count);
  // word < keep 2^32 for a whole word: below the next whole number.
  const uint64_t limit = static_cast<uint64_t>(std::ceil(keep * 4294967296.0));
  return call.later([=] {
    for_words(key, count, [=](const RandomTable& table, int64_t first, int64_t n, const uint32_t* from) {
      table.bernoulli(n, from, limit, kept, out + first);
    });
  });
}

napi_value doubles(Call& call) {
  const Key key = take_key(call);
  const int64_t count = call.size("count");
  double* out = call.doubles("out", count);
  for_words(key, count, [out](const RandomTable& table, int64_t first, int64_t n, const uint32_t* from) {
    table.doubles(n, from, out + first);
  });
  return nullptr;
}

napi_value normals(Call& call) {
  const Key key = take_key(call);
  const int64_t count = call.size("count");
  float* out = call.floats("out", count);
  return call.later([=] {
    for_words(key, count + (count & 1), [=](const RandomTable& table, int64_t first, int64_t n, const uint32_t* from) {
      if (first + n <= count) return table.normals(n, from, out + first);
      // An odd count leaves the last partner out.
      float local[piece];
      table.normals(n, from, local);
      std::copy(local, local + (count - first), out + first);
    });
  });
}

}  // namespace

void register_random(napi_env env, napi_value exports) {
  define(env, exports, "philoxWords", words);
  define_later(env, exports, "philoxUniforms", uniforms);
  define_later(env, exports, "philoxBernoulli", bernoulli);
  define(env, exports, "philoxDoubles", doubles);
  define_later(env, exports, "philoxNormals", normals);
}

}  // namespace rnnx
