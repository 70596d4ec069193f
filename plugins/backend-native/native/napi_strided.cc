#include <cstring>

#include "napi_support.h"
#include "parallel.h"
#include "reduce.h"
#include "strided.h"

namespace rnnx {
namespace {

struct Extent {
  Block block;
  bool empty;
  int64_t from;
  int64_t to;
};

/// The next argument, an Int32Array of 39: rank r, start of the source, start of the target, r sizes, r source strides, r
/// target strides.
Extent extent(Call& call) {
  const int32_t* numbers = call.ints("layout", 3 + 3 * kMaxBlockRank);
  const int rank = numbers[0];
  if (rank < 0 || rank > kMaxBlockRank) call.refuse("layout", "must begin with a rank from 0 to 12");
  Extent found{{rank, numbers[1], numbers[2], {}, {}, {}}, false, 0, 0};
  numbers += 3;
  int64_t low = found.block.from_start, high = low, most = found.block.to_start, elements = 1;
  if (low < 0 || most < 0) call.refuse("layout", "must have starts of 0 or more");
  for (int axis = 0; axis < rank; axis++) {
    const int64_t size = numbers[axis], from = numbers[rank + axis], to = numbers[2 * rank + axis];
    if (size < 0) call.refuse("layout", "must have sizes of 0 or more");
    if (to < 0 || (to == 0 && size > 1)) call.refuse("layout", "must have target strides above 0");
    if (size == 0) found.empty = true;
    const int64_t steps = size > 0 ? size - 1 : 0;
    (from < 0 ? low : high) += steps * from;
    most += steps * to;
    elements *= size > 0 ? size : 1;
    if (low < 0 || high > INT32_MAX || most > INT32_MAX || elements > INT32_MAX)
      call.refuse("layout", "must stay within 0 and 2^31 elements on both sides");
    found.block.size[axis] = size;
    found.block.from[axis] = from;
    found.block.to[axis] = to;
  }
  found.from = found.empty ? 0 : high + 1;
  found.to = found.empty ? 0 : most + 1;
  return found;
}

/// copyFloat(layout, source, target); copyInt and copyBool alike.
napi_value copy_float(Call& call) {
  const Extent sizes = extent(call);
  const float* source = call.floats("source", sizes.from);
  float* target = call.floats("target", sizes.to);
  if (sizes.empty) return nullptr;
  return call.later([=] {
    copy_block(sizes.block, reinterpret_cast<const uint32_t*>(source), reinterpret_cast<uint32_t*>(target));
  });
}

napi_value copy_int(Call& call) {
  const Extent sizes = extent(call);
  const int32_t* source = call.ints("source", sizes.from);
  int32_t* target = call.ints("target", sizes.to);
  if (sizes.empty) return nullptr;
  const auto copy = [=] {
    copy_block(sizes.block, reinterpret_cast<const uint32_t*>(source), reinterpret_cast<uint32_t*>(target));
  };
  return call.later(copy, true);
}

napi_value copy_bool(Call& call) {
  const Extent sizes = extent(call);
  const uint8_t* source = call.bytes("source", sizes.from);
  uint8_t* target = call.bytes("target", sizes.to);
  if (sizes.empty) return nullptr;
  return call.later([=] { copy_block(sizes.block, source, target); }, true);
}

/// gather(batch, outer, rows, width, count, x, places, out): out[b, o, i] = x[b, o, places[b, i]], rows of `width`
/// floats. False, and nothing written, where a place is out of range.
napi_value gather(Call& call) {
  const int64_t batch = call.size("batch");
  const int64_t outer = call.size("outer");
  const int64_t rows = call.size("rows");
  const int64_t width = call.size("width");
  const int64_t count = call.size("count");
  if (batch * outer > INT32_MAX || batch * count > INT32_MAX) call.refuse("batch", "makes too many rows");
  const int64_t blocks = batch * outer;
  if (blocks * rows > INT32_MAX || blocks * count > INT32_MAX) call.refuse("rows", "makes too many rows");
  const float* x = call.floats("x", blocks * rows * width);
  const int32_t* places = call.ints_now("places", batch * count);
  float* out = call.floats("out", blocks * count * width);
  for (int64_t i = 0; i < batch * count; i++)
    if (places[i] < 0 || places[i] >= rows) return make_boolean(call.env, false);
  if (width == 0) return make_boolean(call.env, true);
  call.later([=] {
    parallel_for(blocks * count, 1 + 16384 / width, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t block = i / count;
        const int64_t place = places[block / outer * count + i % count];
        std::memcpy(out + i * width, x + (block * rows + place) * width, static_cast<size_t>(width) * sizeof(float));
      }
    });
  });
  return make_boolean(call.env, true);
}

/// segmentSum(rows, width, segments, x, segment, out, cleared): out[s] = sum of the rows of x with segment s; others are left
/// out. `cleared`: out is zero.
napi_value segment_sum(Call& call) {
  const int64_t rows = call.size("rows");
  const int64_t width = call.size("width");
  const int64_t segments = call.size("segments");
  const float* x = call.floats("x", rows * width);
  const int32_t* segment = call.ints("segment", rows);
  float* out = call.floats("out", segments * width);
  const bool cleared = call.boolean("cleared");
  if (segments * width == 0) return nullptr;
  return call.later([=] {
    if (!cleared) parallel_for(segments * width, 65536, [&](int64_t begin, int64_t end) {
      std::memset(out + begin, 0, static_cast<size_t>(end - begin) * sizeof(float));
    });
    // By columns, so that the order in which rows are added does not depend on the split.
    parallel_for(width, rows == 0 ? width : 64 + 8192 / rows, [&](int64_t begin, int64_t end) {
      reductions().segment_sum(x, segment, rows, width, segments, out, begin, end);
    });
  });
}

}  // namespace

void register_strided(napi_env env, napi_value exports) {
  define_later(env, exports, "copyFloat", copy_float);
  define_later(env, exports, "copyInt", copy_int);
  define_later(env, exports, "copyBool", copy_bool);
  define_later(env, exports, "gather", gather);
  define_later(env, exports, "segmentSum", segment_sum);
}

}  // namespace rnnx
