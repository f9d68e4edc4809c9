#include "pool/thread_pool.h"

#include <algorithm>
#include <new>
#include <thread>

#include "pool/clock.h"

namespace gearshift {
namespace {

/** How long a helper looks for more work before it sleeps: sharing with one that is awake costs 0.2 instead of 40 us. */
constexpr int64_t kSpinNs = 100'000;
/** With a helper awake, work from here on is worth sharing. */
constexpr double kShareFromWhenAwakeNs = 8'000;
/** After this much waiting for a helper's last chunk its CPU is probably ours: let it run. */
constexpr int kPausesBeforeYield = 2'000;

}  // namespace

/** One run() under way, on its caller's stack. */
struct ThreadPool::OpenCall {
  const ChunkedWork* work;
  const ChunkedLimits* limits;
  std::atomic<size_t> next_chunk{0};
  std::atomic<unsigned> inside{0};  // helpers at work: entered under the pool's mutex, left by a release
  unsigned seats_taken = 1;         // guarded by the pool's mutex
  OpenCall* next = nullptr;         // guarded by the pool's mutex
  OpenCall* previous = nullptr;     // guarded by the pool's mutex

  OpenCall(const ChunkedWork& w, const ChunkedLimits& l) noexcept : work(&w), limits(&l) {}

  bool has_chunks() const noexcept { return next_chunk.load(std::memory_order_relaxed) < work->chunk_count; }

  bool must_stop() const noexcept {
    if (limits->cancelled != nullptr && limits->cancelled->load(std::memory_order_relaxed)) return true;
    return limits->deadline_ns != 0 && now_ns() >= limits->deadline_ns;
  }

  void take_part(unsigned seat) noexcept {
    // A chunk that was taken is always run, so the chunks that ran are the first ones without a gap.
    while (!must_stop()) {
      const size_t chunk = next_chunk.fetch_add(1, std::memory_order_relaxed);
      if (chunk >= work->chunk_count) return;
      work->run(work->context, chunk, seat);
    }
  }

  size_t chunks_done() const noexcept {
    return std::min(next_chunk.load(std::memory_order_relaxed), work->chunk_count);
  }
};

ThreadPool::ThreadPool(UsableCpus cpus) noexcept
    : cpus_(cpus), spin_ns_(cpus.count > 1 && !cpus.has_bandwidth_limit ? kSpinNs : 0) {}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    arrivals_.fetch_add(1, std::memory_order_release);
  }
  work_arrived_.notify_all();
  for (unsigned i = 0; i < worker_count_; ++i) workers_[i].thread.join();
}

void ThreadPool::ensure_started() noexcept {
  if (started_.load(std::memory_order_acquire)) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (start_attempted_) return;
  start_attempted_ = true;
  // As many as CPUs: while a JavaScript thread waits in its event loop, asynchronous work may use its CPU as well.
  workers_.reset(new (std::nothrow) Worker[cpus_.count]);
  if (workers_ == nullptr) return;
  for (unsigned i = 0; i < cpus_.count; ++i) {
    workers_[i].pool = this;
    workers_[i].number = i;
    const auto enter = [](void* context) {
      auto* worker = static_cast<Worker*>(context);
      worker->pool->work_loop(worker->number);
    };
    if (!workers_[i].thread.start(enter, &workers_[i])) break;
    ++worker_count_;
  }
  started_.store(true, std::memory_order_release);
}

bool ThreadPool::is_worth_sharing(double estimated_ns, unsigned max_threads) const noexcept {
  if (max_threads <= 1 || cpus_.count <= 1 || estimated_ns < kShareFromWhenAwakeNs) return false;
  return spinning_.load(std::memory_order_relaxed) > 0 || estimated_ns >= wake_cost_.share_from_ns();
}

/** How many sleepers are worth waking: each costs the caller a system call, so each must have its share to do. */
unsigned ThreadPool::helpers_to_wake(double estimated_ns, unsigned max_threads) const noexcept {
  const double shares = estimated_ns / wake_cost_.share_from_ns();
  const unsigned wanted = shares >= max_threads ? max_threads - 1 : static_cast<unsigned>(shares);
  const unsigned awake = spinning_.load(std::memory_order_relaxed);
  return wanted > awake ? wanted - awake : 0;
}

ChunkedOutcome ThreadPool::run(const ChunkedWork& work, const ChunkedLimits& limits) noexcept {
  OpenCall call(work, limits);
  const unsigned max_threads = std::min(limits.max_threads, cpus_.count);
  if (work.chunk_count <= 1 || !is_worth_sharing(limits.estimated_ns, max_threads)) {
    call.take_part(0);
    return {call.chunks_done(), 1};
  }
  ensure_started();
  const unsigned wake_limit = helpers_to_wake(limits.estimated_ns, max_threads);
  unsigned to_wake;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    call.next = open_calls_;
    if (open_calls_ != nullptr) open_calls_->previous = &call;
    open_calls_ = &call;
    to_wake = std::min(wake_limit, sleeping_);
    arrivals_.fetch_add(1, std::memory_order_release);
  }
  for (unsigned i = 0; i < to_wake; ++i) work_arrived_.notify_one();

  call.take_part(0);

  unsigned seats_taken;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (call.previous != nullptr) call.previous->next = call.next;
    else open_calls_ = call.next;
    if (call.next != nullptr) call.next->previous = call.previous;
    seats_taken = call.seats_taken;
  }
  for (int pauses = 0; call.inside.load(std::memory_order_acquire) != 0; ++pauses) {
    if (pauses < kPausesBeforeYield) pause_briefly();
    else std::this_thread::yield();
  }
  return {call.chunks_done(), seats_taken};
}

bool ThreadPool::submit(AsyncTask* task) noexcept {
  ensure_started();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (worker_count_ == 0) return false;
    task->next_ = nullptr;
    if (last_task_ != nullptr) last_task_->next_ = task;
    else first_task_ = task;
    last_task_ = task;
    arrivals_.fetch_add(1, std::memory_order_release);
  }
  work_arrived_.notify_one();
  return true;
}

bool ThreadPool::withdraw(AsyncTask* task) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  AsyncTask* previous = nullptr;
  for (AsyncTask* queued = first_task_; queued != nullptr; previous = queued, queued = queued->next_) {
    if (queued != task) continue;
    (previous != nullptr ? previous->next_ : first_task_) = task->next_;
    if (last_task_ == task) last_task_ = previous;
    return true;
  }
  return false;
}

ThreadPool::OpenCall* ThreadPool::join_open_call(unsigned* seat) noexcept {
  for (OpenCall* call = open_calls_; call != nullptr; call = call->next) {
    if (call->seats_taken >= std::min(call->limits->max_threads, cpus_.count) || !call->has_chunks()) continue;
    *seat = call->seats_taken++;
    call->inside.fetch_add(1, std::memory_order_relaxed);
    return call;
  }
  return nullptr;
}

AsyncTask* ThreadPool::take_task() noexcept {
  AsyncTask* task = first_task_;
  if (task == nullptr) return nullptr;
  first_task_ = task->next_;
  if (first_task_ == nullptr) last_task_ = nullptr;
  return task;
}

void ThreadPool::spin_for_work(int64_t until_ns) noexcept {
  const uint32_t seen = arrivals_.load(std::memory_order_relaxed);
  spinning_.fetch_add(1, std::memory_order_relaxed);
  mutex_.unlock();
  while (arrivals_.load(std::memory_order_acquire) == seen && now_ns() < until_ns) {
    for (int i = 0; i < 8; ++i) pause_briefly();
  }
  spinning_.fetch_sub(1, std::memory_order_relaxed);
  mutex_.lock();
}

void ThreadPool::work_loop(unsigned number) noexcept {
  if (number == 0 && cpus_.count > 1) wake_cost_.measure_waking();
  if (number == 1) wake_cost_.measure_being_woken();

  std::unique_lock<std::mutex> lock(mutex_);
  int64_t spin_until_ns = 0;
  while (!stopping_) {
    // One thread at least serves the queue, however many synchronous calls ask for helpers.
    unsigned seat = 0;
    OpenCall* call = first_task_ != nullptr && tasks_running_ == 0 ? nullptr : join_open_call(&seat);
    if (call != nullptr) {
      lock.unlock();
      call->take_part(seat);
      call->inside.fetch_sub(1, std::memory_order_release);  // the call may be gone from here on
      lock.lock();
    } else if (AsyncTask* task = take_task()) {
      ++tasks_running_;
      lock.unlock();
      task->run(*this);
      lock.lock();
      --tasks_running_;
    } else if (spin_ns_ > 0 && now_ns() < spin_until_ns) {
      spin_for_work(spin_until_ns);
      continue;
    } else {
      ++sleeping_;
      work_arrived_.wait(lock);
      --sleeping_;
    }
    spin_until_ns = spin_ns_ > 0 ? now_ns() + spin_ns_ : 0;
  }
}

}  // namespace gearshift
