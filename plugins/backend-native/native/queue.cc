#include "queue.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "parallel.h"

namespace rnnx {

/// All queues of the process. They are never destroyed: threads of the pool look at them as long as it lives.
struct Queues {
  static constexpr int most = 16;
  Queue each[most];
  /// Those below are or were in use.
  std::atomic<int> used{0};

  static Queues& instance() {
    static Queues* const all = new Queues;
    return *all;
  }
  static bool waiting() {
    Queues& all = instance();
    for (int i = 0; i < all.used.load(std::memory_order_acquire); i++)
      if (all.each[i].waiting()) return true;
    return false;
  }
  static void take() {
    Queues& all = instance();
    for (int i = 0; i < all.used.load(std::memory_order_acquire); i++)
      if (all.each[i].waiting()) all.each[i].execute();
  }
};

namespace {

std::atomic<QueueMode>& mode() {
  static std::atomic<QueueMode> instance{[] {
    const char* asked = std::getenv("RNNX_NATIVE_QUEUE");
    if (asked && std::strcmp(asked, "off") == 0) return QueueMode::off;
    if (asked && std::strcmp(asked, "late") == 0) return QueueMode::late;
    return QueueMode::on;
  }()};
  return instance;
}

/// Of the queue whose command this thread runs.
thread_local const std::atomic<bool>* failed_before = nullptr;

/// Fewer are left to the thread that submits: it will soon wait for them, or wake nobody for nothing.
constexpr uint64_t worth_waking = 2;

}  // namespace

QueueMode queue_mode() { return mode().load(std::memory_order_relaxed); }

void set_queue_mode(QueueMode wanted) { mode().store(wanted, std::memory_order_relaxed); }

bool earlier_command_failed() { return failed_before != nullptr && failed_before->load(std::memory_order_relaxed); }

Queue* Queue::claim() {
  Queues& all = Queues::instance();
  set_errands({Queues::waiting, Queues::take});
  for (int i = 0; i < Queues::most; i++) {
    if (all.each[i].claimed_.exchange(true)) continue;
    for (int used = all.used.load(); used <= i && !all.used.compare_exchange_weak(used, i + 1);) {
    }
    return &all.each[i];
  }
  return nullptr;
}

void Queue::release() {
  try {
    drain();
  } catch (const std::bad_alloc&) {
    // Nobody is left to be told.
  }
  scratch_.clear();
  claimed_.store(false);
}

bool Queue::waiting() const {
  return finished_.load(std::memory_order_relaxed) != submitted_.load() && !executing_.load(std::memory_order_relaxed) &&
         queue_mode() == QueueMode::on;
}

void Queue::perform(Command& command) {
  const ScratchMemory::Use use(scratch_);
  failed_before = &failed_;
  try {
    command.run();
  } catch (const std::bad_alloc&) {
    failed_.store(true, std::memory_order_relaxed);
  }
  failed_before = nullptr;
}

bool Queue::execute(uint64_t until) {
  if (executing_.exchange(true)) return false;
  uint64_t next = finished_.load(std::memory_order_relaxed);
  for (; next < until && next != submitted_.load(); next++) {
    perform(*ring_[next % capacity]);
    finished_.store(next + 1);
  }
  executing_.store(false);
  wake_waiting();
  // Where the caller goes on with other things, what is left is the pool's.
  if (waiting()) wake_idle();
  return true;
}

void Queue::reap() {
  for (const uint64_t end = finished_.load(std::memory_order_acquire); reaped_ != end; reaped_++) {
    delete ring_[reaped_ % capacity];
    ring_[reaped_ % capacity] = nullptr;
  }
}

void Queue::submit(std::unique_ptr<Command> command) {
  if (queue_mode() == QueueMode::off || thread_count() == 1) {
    drain();
    return command->run();
  }
  reap();
  const uint64_t place = submitted_.load(std::memory_order_relaxed);
  if (place - reaped_ == capacity) drain();
  ring_[place % capacity] = command.release();
  submitted_.store(place + 1);
  if (queue_mode() == QueueMode::on && place + 1 - finished_.load(std::memory_order_relaxed) >= worth_waking) wake_idle();
}

void Queue::drain(uint64_t until) {
  struct Wait {
    Queue& queue;
    uint64_t until;
    bool over() const { return queue.finished_.load() >= until; }
  } wait = {*this, std::min(until, submitted())};
  const auto over_or_left = [](void* context) {
    const Wait& w = *static_cast<Wait*>(context);
    return w.over() || !w.queue.executing_.load();
  };
  while (!wait.over())
    if (!execute(wait.until)) help_until(over_or_left, &wait);
  reap();
  if (failed_.exchange(false, std::memory_order_relaxed)) throw std::bad_alloc();
}

}  // namespace rnnx
