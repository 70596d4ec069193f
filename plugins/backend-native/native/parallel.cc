#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "large_memory.h"

namespace rnnx {
namespace {

constexpr int max_threads = 256;
/// How long threads look for work before they sleep: what a training step does in JavaScript between two kernels takes up
/// to 400 microseconds, and to be woken some 50.
constexpr std::chrono::microseconds until_work{500};
/// How long the caller looks whether the others are done: one of them may be waiting for this very core.
constexpr std::chrono::microseconds until_done{50};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Whether `holds` comes true within `patience`.
template <class F>
bool spin_until(std::chrono::microseconds patience, const F& holds) {
  using Clock = std::chrono::steady_clock;
  constexpr int between_looks = 64;
  for (Clock::time_point end = Clock::now() + patience;;) {
    for (int i = 0; i < between_looks; i++) {
      if (holds()) return true;
      relax();
    }
    if (Clock::now() >= end) return false;
  }
}

/// CPUs that a control group leaves this process, or a large number where it sets no limit.
int cgroup_limit() {
  double quota = 0;
  double period = 0;
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    const int read = std::fscanf(file, "%lf %lf", &quota, &period);
    std::fclose(file);
    if (read != 2) quota = 0;
  } else {
    const char* paths[] = {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"};
    double* values[] = {&quota, &period};
    for (int i = 0; i < 2; i++)
      if (std::FILE* v1 = std::fopen(paths[i], "r")) {
        if (std::fscanf(v1, "%lf", values[i]) != 1) *values[i] = 0;
        std::fclose(v1);
      }
  }
  if (!(quota > 0) || !(period > 0)) return max_threads;
  return std::max(1, static_cast<int>(quota / period + 0.5));
}

int default_thread_count() {
  if (const char* asked = std::getenv("RNNX_NATIVE_THREADS")) {
    const int count = std::atoi(asked);
    if (count >= 1) return std::min(count, max_threads);
  }
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, std::min({cores, cgroup_limit(), max_threads}));
}

/// True on threads that are doing a piece of some loop: loops inside it run in place.
thread_local bool inside = false;
/// Which share of a loop this thread does first: threads of the pool count from 1, all others have the first.
thread_local int home = 0;

/// What is left of a part of a loop, in units: taken by its own thread from the front, by those with nothing else to do from
/// the back, half of it each time.
class alignas(64) Share {
 public:
  static constexpr int64_t most_units = int64_t{1} << 31;

  void open(int64_t begin, int64_t end) { ends_.store(pack(begin, end), std::memory_order_relaxed); }
  int64_t left() const {
    const uint64_t ends = ends_.load(std::memory_order_relaxed);
    return last(ends) - first(ends);
  }
  bool take(bool front, int64_t& begin, int64_t& end) {
    uint64_t ends = ends_.load(std::memory_order_relaxed);
    for (int64_t size; (size = last(ends) - first(ends)) > 0;) {
      const int64_t half = std::max<int64_t>(1, size / 2);
      begin = front ? first(ends) : last(ends) - half;
      end = begin + half;
      const uint64_t rest = front ? pack(end, last(ends)) : pack(first(ends), begin);
      if (ends_.compare_exchange_weak(ends, rest, std::memory_order_relaxed)) return true;
    }
    return false;
  }

 private:
  static uint64_t pack(int64_t first, int64_t last) { return static_cast<uint64_t>(first) << 32 | static_cast<uint64_t>(last); }
  static int64_t first(uint64_t ends) { return static_cast<int64_t>(ends >> 32); }
  static int64_t last(uint64_t ends) { return static_cast<int64_t>(ends & 0xffffffff); }

  std::atomic<uint64_t> ends_{0};
};

class Pool {
 public:
  void run(int64_t n, int64_t grain, RangeFunction function, void* context, int threads) {
    start(threads - 1);
    function_ = function;
    context_ = context;
    n_ = n;
    while ((n + grain - 1) / grain > Share::most_units) grain *= 2;
    grain_ = grain;
    threads_ = threads;
    seats_.store(threads - 1, std::memory_order_relaxed);
    const int64_t units = (n + grain - 1) / grain;
    for (int64_t i = 0; i < threads; i++) shares_[i].open(i * units / threads, (i + 1) * units / threads);
    // Opens the job: a new generation with nobody in it. Sequentially consistent against those asleep.
    const uint64_t generation = (state_.load(std::memory_order_relaxed) >> generation_shift) + 1;
    state_.store(generation << generation_shift | open_bit);
    wake(runner_asleep_.load() + others_asleep_.load() + helpers_asleep_.load() > 0);
    work();
    // Closes it, so that nobody enters late, and waits for those who are in.
    state_.fetch_and(~open_bit);
    if (spin_until(until_done, [this] { return (state_.load(std::memory_order_acquire) & active_mask) == 0; })) return;
    std::unique_lock<std::mutex> lock(mutex_);
    caller_waits_ = true;
    done_.wait(lock, [this] { return (state_.load() & active_mask) == 0; });
    caller_waits_ = false;
  }

  /// Only with `in_use` held.
  void start(int wanted) {
    for (; started_ < wanted; started_++) {
      try {
        std::thread([this, place = started_ + 1] { serve(place); }).detach();
      } catch (...) {
        return;  // No more threads to be had: fewer share the work.
      }
    }
  }

  void help(bool (*holds)(void*), void* context) {
    // A loop that is open already is to be joined as well.
    uint64_t seen = ~uint64_t{0};
    while (!holds(context)) {
      const uint64_t generation = wait_for_other_than(seen, helpers_asleep_, [&] { return holds(context); });
      if (generation != seen) join(generation);
      seen = generation;
    }
  }

  bool has_threads() const { return started_.load(std::memory_order_relaxed) > 0; }
  void wake_runner() { wake(runner_asleep_.load() > 0); }
  void wake_helpers() { wake(helpers_asleep_.load() > 0); }
  void set_errands(const Errands* errands) { errands_.store(errands, std::memory_order_release); }

  std::mutex in_use;

 private:
  static constexpr Errands none_ = {[] { return false; }, [] {}};
  static constexpr uint64_t active_mask = 0xffff;
  static constexpr uint64_t open_bit = 1u << 16;
  static constexpr int generation_shift = 17;

  /// This thread's share first, which loops alike leave in its caches, then halves of what others have left.
  void work() {
    inside = true;
    const int own = home % threads_;
    int64_t begin = 0, end = 0;
    while (shares_[own].take(true, begin, end)) perform(begin, end);
    while (Share* const other = fullest())
      if (other->take(false, begin, end)) perform(begin, end);
    inside = false;
  }

  void perform(int64_t begin, int64_t end) { function_(context_, begin * grain_, std::min(n_, end * grain_)); }

  /// The share of which most is left, if any is.
  Share* fullest() {
    int64_t most = 0;
    Share* found = nullptr;
    for (int i = 0; i < threads_; i++)
      if (const int64_t left = shares_[i].left(); left > most) {
        most = left;
        found = &shares_[i];
      }
    return found;
  }

  bool enter(uint64_t seen) {
    uint64_t state = state_.load();
    while (state >> generation_shift == seen && (state & open_bit) != 0)
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) return true;
    return false;
  }

  void leave() {
    const uint64_t before = state_.fetch_sub(1, std::memory_order_acq_rel);
    if ((before & active_mask) == 1 && (before & open_bit) == 0) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (caller_waits_) done_.notify_all();
    }
  }

  /// After what sleeping threads wait for has come true, if there are any.
  void wake(bool any) {
    if (!any) return;
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }

  /// Takes part in the loop of this generation, if it is still open.
  void join(uint64_t generation) {
    if (!enter(generation)) return;
    // More threads than this loop may use can exist after the count was lowered.
    if (seats_.fetch_sub(1, std::memory_order_relaxed) > 0) work();
    leave();
  }

  void serve(int place) {
    home = place;
    const bool runs_errands = place == 1;
    uint64_t seen = 0;
    std::atomic<int>& asleep = runs_errands ? runner_asleep_ : others_asleep_;
    const auto errand = [&] { return runs_errands && errands_.load(std::memory_order_acquire)->waiting(); };
    for (;;) {
      const uint64_t generation = wait_for_other_than(seen, asleep, errand);
      if (generation != seen)
        join(generation);
      else if (errand())
        errands_.load(std::memory_order_acquire)->take();
      seen = generation;
    }
  }

  /// Until there is another generation, or `or_else`. Sleeps where neither comes for long.
  template <class F>
  uint64_t wait_for_other_than(uint64_t seen, std::atomic<int>& asleep, const F& or_else) {
    uint64_t generation = 0;
    const auto changed = [&](std::memory_order order) {
      return (generation = state_.load(order) >> generation_shift) != seen || or_else();
    };
    if (spin_until(until_work, [&] { return changed(std::memory_order_acquire); })) return generation;
    std::unique_lock<std::mutex> lock(mutex_);
    asleep.fetch_add(1);
    wake_.wait(lock, [&] { return changed(std::memory_order_seq_cst); });
    asleep.fetch_sub(1);
    return generation;
  }

  std::atomic<uint64_t> state_{0};
  alignas(64) std::atomic<int> seats_{0};
  int64_t n_ = 0;
  int64_t grain_ = 1;
  int threads_ = 1;
  RangeFunction function_ = nullptr;
  void* context_ = nullptr;
  Share shares_[max_threads];
  std::atomic<int> started_{0};
  std::atomic<const Errands*> errands_{&none_};
  /// The thread that runs errands, the other threads of the pool, and those that help until something holds.
  alignas(64) std::atomic<int> runner_asleep_{0};
  std::atomic<int> others_asleep_{0};
  std::atomic<int> helpers_asleep_{0};
  bool caller_waits_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
};

/// Never destroyed: its threads sleep on it when the process exits.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

std::atomic<int>& count() {
  static std::atomic<int> instance{default_thread_count()};
  return instance;
}

/// What `scratch` of this thread is of, where it is not its own.
thread_local ScratchMemory* lent = nullptr;

}  // namespace

int thread_count() { return count().load(std::memory_order_relaxed); }

void set_thread_count(int wanted) {
  count().store(std::min(std::max(wanted, 1), max_threads), std::memory_order_relaxed);
}

void parallel_run(int64_t n, int64_t grain, RangeFunction function, void* context) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t pieces = (n + grain - 1) / grain;
  const int threads = static_cast<int>(std::min<int64_t>(thread_count(), pieces));
  if (threads <= 1 || inside) return function(context, 0, n);
  Pool& shared = pool();
  std::unique_lock<std::mutex> lock(shared.in_use, std::try_to_lock);
  if (!lock.owns_lock()) return function(context, 0, n);
  shared.run(n, grain, function, context, threads);
}

void set_errands(const Errands& errands) {
  static const Errands kept = errands;
  pool().set_errands(&kept);
}

void wake_idle() {
  Pool& shared = pool();
  if (!shared.has_threads()) {
    // Whoever holds it starts threads for a loop of its own.
    std::unique_lock<std::mutex> lock(shared.in_use, std::try_to_lock);
    if (lock.owns_lock()) shared.start(thread_count() - 1);
  }
  shared.wake_runner();
}

void help_until(bool (*holds)(void*), void* context) { pool().help(holds, context); }

void wake_waiting() { pool().wake_helpers(); }

float* scratch(Scratch slot, int64_t floats) {
  thread_local ScratchMemory own;
  ScratchMemory& memory = lent ? *lent : own;
  const int i = static_cast<int>(slot);
  if (memory.floats_[i] < floats) {
    give_large(memory.data_[i]);
    memory.data_[i] = nullptr;
    memory.floats_[i] = 0;
    memory.data_[i] = take_large(floats);
    memory.floats_[i] = floats;
  }
  return memory.data_[i];
}

void ScratchMemory::clear() {
  for (int i = 0; i < static_cast<int>(Scratch::count); i++) {
    give_large(data_[i]);
    data_[i] = nullptr;
    floats_[i] = 0;
  }
}

ScratchMemory::Use::Use(ScratchMemory& memory) { lent = &memory; }

ScratchMemory::Use::~Use() { lent = nullptr; }

}  // namespace rnnx
