#pragma once
// Memory for large operands: on huge pages where the system offers them, since streams through ordinary pages stall at each
// page's end, and kept for the next request of about the same size, since fresh pages cost as much as writing them.

#include <cstdint>

namespace rnnx {

/// At least `floats` floats, 64-byte aligned, contents undefined. Throws std::bad_alloc.
float* take_large(int64_t floats);
/// Gives it back, for reuse by any thread; nullptr is nothing.
void give_large(float* memory);

}  // namespace rnnx
