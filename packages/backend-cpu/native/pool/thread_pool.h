#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "kit/condition.h"
#include "kit/native_thread.h"
#include "pool/usable_cpus.h"
#include "pool/wake_cost.h"

namespace gearshift {

class ThreadPool;

/** Work that runs on a pool thread, in the order it was submitted. The submitter owns it until it was run or withdrawn. */
class AsyncTask {
 public:
  virtual ~AsyncTask() = default;
  /** May end with the destruction of the task, by any thread: the pool does not touch it after run(). */
  virtual void run(ThreadPool& pool) noexcept = 0;

 private:
  friend class ThreadPool;
  AsyncTask* next_ = nullptr;
};

/** A call cut into chunks that may run in any order and on any thread. */
struct ChunkedWork {
  /** `seat` is below the number of threads allowed and never shared by two threads at a time; the caller has seat 0. */
  void (*run)(void* context, size_t chunk, unsigned seat) noexcept;
  void* context;
  size_t chunk_count;
};

struct ChunkedLimits {
  unsigned max_threads;                          // including the caller; at least 1
  double estimated_ns;                           // what the whole call would take one thread
  int64_t deadline_ns = 0;                       // no chunk starts after it; 0: none
  const std::atomic<bool>* cancelled = nullptr;  // no chunk starts once it is true
};

struct ChunkedOutcome {
  size_t chunks_done;  // always the chunks [0, chunks_done): they are handed out in order
  unsigned threads;    // that took part, the caller included
};

/**
 * The threads of a process that do vector work, however many JavaScript threads ask for it.
 *
 * A call is run by its own thread at once; helpers that arrive in time take chunks from a shared counter, and the caller
 * never waits for a helper that has not begun. So a helper that the system schedules late costs nothing but the wake call,
 * and whether that pays is decided from the measured cost of waking one. Any number of threads may call at a time.
 *
 * Threads start with the first work worth sharing. All of them are joined by the destructor: Node may unload the addon.
 */
class ThreadPool {
 public:
  explicit ThreadPool(UsableCpus cpus) noexcept;
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /** Threads a call can use at most, the caller included. */
  unsigned thread_limit() const noexcept { return cpus_.count; }

  /** Whether run() would let others take part in a call of this length. Cheap: two atomic loads. */
  bool is_worth_sharing(double estimated_ns, unsigned max_threads) const noexcept;

  ChunkedOutcome run(const ChunkedWork& work, const ChunkedLimits& limits) noexcept;

  /** False when the pool has no thread and cannot get one: the task will not run. */
  bool submit(AsyncTask* task) noexcept;
  /** True when the task had not begun: it will not run. */
  bool withdraw(AsyncTask* task) noexcept;

 private:
  struct OpenCall;
  struct Worker {
    kit::NativeThread thread;
    ThreadPool* pool = nullptr;
    unsigned number = 0;
  };

  void ensure_started() noexcept;
  void work_loop(unsigned number) noexcept;
  OpenCall* join_open_call(unsigned* seat) noexcept;
  AsyncTask* take_task() noexcept;
  void spin_for_work(int64_t until_ns) noexcept;
  unsigned helpers_to_wake(double estimated_ns, unsigned max_threads) const noexcept;

  const UsableCpus cpus_;
  const int64_t spin_ns_;
  WakeCost wake_cost_;

  std::mutex mutex_;
  kit::Condition work_arrived_;
  // All below are guarded by mutex_ where not atomic.
  OpenCall* open_calls_ = nullptr;
  AsyncTask* first_task_ = nullptr;
  AsyncTask* last_task_ = nullptr;
  unsigned tasks_running_ = 0;
  unsigned sleeping_ = 0;
  bool stopping_ = false;
  bool start_attempted_ = false;
  unsigned worker_count_ = 0;
  std::unique_ptr<Worker[]> workers_;
  std::atomic<bool> started_{false};

  alignas(64) std::atomic<uint32_t> arrivals_{0};  // changes with every piece of work, for those that spin
  alignas(64) std::atomic<unsigned> spinning_{0};
};

}  // namespace gearshift
