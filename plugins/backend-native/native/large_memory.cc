#include "large_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <new>

namespace rnnx {
namespace {

constexpr size_t huge_page = size_t{1} << 21;
/// Space before the floats for the block's size; keeps their alignment.
constexpr size_t header = 64;

struct Kept {
  void* block;
  size_t bytes;
};

/// Returned blocks, the latest last. Two are enough for a recurrence: weights for the way forward and back.
struct Shelf {
  std::mutex mutex;
  Kept kept[2] = {};
};

/// Never destroyed: workers may still return memory while the process ends.
Shelf& shelf() {
  static Shelf* const instance = new Shelf;
  return *instance;
}

size_t alignment(size_t bytes) { return bytes >= 2 * huge_page ? huge_page : header; }

void release(const Kept& each) {
  if (each.block) ::operator delete(each.block, std::align_val_t(alignment(each.bytes)));
}

}  // namespace

float* take_large(int64_t floats) {
  size_t bytes = static_cast<size_t>(std::max<int64_t>(floats, 1)) * sizeof(float) + header;
  void* block = nullptr;
  {
    std::lock_guard<std::mutex> lock(shelf().mutex);
    for (Kept& each : shelf().kept)
      if (each.block && each.bytes >= bytes && each.bytes <= 2 * bytes) {
        block = each.block;
        bytes = each.bytes;
        each = {};
        break;
      }
  }
  if (!block) {
    if (alignment(bytes) == huge_page) bytes = (bytes + huge_page - 1) / huge_page * huge_page;
    block = ::operator new(bytes, std::align_val_t(alignment(bytes)));
#if defined(MADV_HUGEPAGE)
    // A wish: whether it is granted shows in nothing but time.
    if (alignment(bytes) == huge_page) static_cast<void>(madvise(block, bytes, MADV_HUGEPAGE));
#endif
  }
  *static_cast<size_t*>(block) = bytes;
  return reinterpret_cast<float*>(static_cast<char*>(block) + header);
}

void give_large(float* memory) {
  if (!memory) return;
  void* block = reinterpret_cast<char*>(memory) - header;
  Kept given = {block, *static_cast<size_t*>(block)};
  {
    // The oldest makes room.
    std::lock_guard<std::mutex> lock(shelf().mutex);
    std::swap(shelf().kept[0], shelf().kept[1]);
    std::swap(shelf().kept[1], given);
  }
  release(given);
}

}  // namespace rnnx
