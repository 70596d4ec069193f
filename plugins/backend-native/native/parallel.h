#pragma once
// One pool of threads for the process, used from any number of Node threads.

#include <cstdint>

namespace rnnx {

/// Threads that a loop may use, the caller's included. Default: the cores this process may use (affinity and cgroup
/// limits), or the environment variable RNNX_NATIVE_THREADS.
int thread_count();

/// Sets it, at least 1 and at most 256.
void set_thread_count(int count);

using RangeFunction = void (*)(void* context, int64_t begin, int64_t end);
void parallel_run(int64_t n, int64_t grain, RangeFunction function, void* context);

/// Calls fn(begin, end) for ranges that cover 0 .. n-1, each at least `grain` long but for the last, on several threads.
/// A thread begins with its own part of 0 .. n-1, the same in each call, so that loops alike find in its core's caches what
/// they left there, and takes from others' when it is done, so a core taken by another process delays little. How the work
/// is split differs from call to call: no result may depend on it. Within another parallel_for, or while another
/// Node thread uses the pool, the caller does all the work itself. fn must not throw.
template <class F>
inline void parallel_for(int64_t n, int64_t grain, const F& fn) {
  parallel_run(
      n, grain, [](void* context, int64_t begin, int64_t end) { (*static_cast<const F*>(context))(begin, end); },
      const_cast<F*>(&fn));
}

/// What one thread of the pool does when there is no loop to take part in: `waiting` says whether there is something, `take` does
/// it. Both may be called at any time from any thread of the pool.
struct Errands {
  bool (*waiting)();
  void (*take)();
};
void set_errands(const Errands& errands);

/// Wakes threads that sleep, so that they see that an errand waits; starts them if there are none.
void wake_idle();

/// Takes part in other threads' loops until `holds`, which what they do must bring about and end with `wake_waiting`.
void help_until(bool (*holds)(void* context), void* context);
void wake_waiting();

/// Memory of the calling thread, 64-byte aligned, at least `floats` long; contents undefined. Each slot keeps its largest
/// size until the thread ends, and a second call for a slot invalidates the first.
enum class Scratch { gemm_a, gemm_b, loss, loss_panels, sequence, sequence_two, sequence_rows, stepped, count };
float* scratch(Scratch slot, int64_t floats);

/// Such memory for work that now one thread does, now another: a thread that does it takes this and leaves its own alone.
class ScratchMemory {
 public:
  ScratchMemory() = default;
  ScratchMemory(const ScratchMemory&) = delete;
  ScratchMemory& operator=(const ScratchMemory&) = delete;
  ~ScratchMemory() { clear(); }
  void clear();

  /// As long as it lives, `scratch` of the thread that made it is of `memory`.
  class Use {
   public:
    explicit Use(ScratchMemory& memory);
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();
  };

 private:
  friend float* scratch(Scratch, int64_t);
  float* data_[static_cast<int>(Scratch::count)] = {};
  int64_t floats_[static_cast<int>(Scratch::count)] = {};
};

}  // namespace rnnx
