#pragma once
// Kernels that a Node thread has asked for and that run while its JavaScript goes on.

#include <atomic>
#include <cstdint>
#include <memory>

#include "parallel.h"

namespace rnnx {

/// Work to be done later. It is destroyed by the thread that submitted it.
class Command {
 public:
  virtual ~Command() = default;
  virtual void run() = 0;
};

/// When commands run. The results are the same.
enum class QueueMode {
  /// On threads of the pool as soon as they are submitted, and on the thread that waits for them.
  on,
  /// Before `submit` returns.
  off,
  /// Not before somebody waits for them: what forgets to wait is found by it.
  late,
  count
};
QueueMode queue_mode();
void set_queue_mode(QueueMode mode);

/// For a command that runs: whether one before it got no memory, of which nobody has been told yet. What it was to write is
/// then not to be relied on.
bool earlier_command_failed();

/// Commands of one thread. They run one after another in the order in which they came, each on one thread, whose
/// parallel loops have the pool's other threads. All functions are the submitting thread's.
class Queue {
 public:
  /// One for the calling thread alone, or nullptr where too many threads have one.
  static Queue* claim();
  /// Gives it back once all is done.
  void release();

  /// Waits where too many wait already. May throw as `drain` does.
  void submit(std::unique_ptr<Command> command);
  /// Commands submitted so far.
  uint64_t submitted() const { return submitted_.load(std::memory_order_relaxed); }
  /// Returns when so many commands are done, all by default, having helped; throws std::bad_alloc if one that is done got no
  /// memory.
  void drain(uint64_t until = all);

 private:
  friend struct Queues;
  static constexpr uint64_t capacity = 256;
  static constexpr uint64_t all = ~uint64_t{0};

  /// Does commands until none is left or so many are done, unless another thread is at it.
  bool execute(uint64_t until = all);
  bool waiting() const;
  void perform(Command& command);
  /// Destroys what is done.
  void reap();

  std::atomic<bool> claimed_{false};
  uint64_t reaped_ = 0;
  /// Of the commands, whichever thread runs them: each of two would come to have as much.
  ScratchMemory scratch_;
  alignas(64) std::atomic<uint64_t> submitted_{0};
  alignas(64) std::atomic<uint64_t> finished_{0};
  std::atomic<bool> executing_{false};
  std::atomic<bool> failed_{false};
  alignas(64) Command* ring_[capacity] = {};
};

}  // namespace rnnx
