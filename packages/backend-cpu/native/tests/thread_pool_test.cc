// Tests of the thread pool. Prints one line per test and exits with 1 when one failed; runs under ThreadSanitizer too.
#include "pool/thread_pool.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "pool/clock.h"
#include "pool/process_pool.h"
#include "pool/run_in_chunks.h"
#include "pool/throughput.h"

namespace {

using namespace gearshift;

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("  failed: %s\n", what);
  ++failures;
}

void run_test(const char* name, void (*test)()) {
  const int before = failures;
  test();
  std::printf("%s %s\n", failures == before ? "ok    " : "FAILED", name);
}

constexpr double kLongNs = 1e9;  // long enough to be shared on any machine

void spin_for_ns(int64_t duration_ns) {
  const int64_t end = now_ns() + duration_ns;
  while (now_ns() < end) pause_briefly();
}

/** Counts how often each chunk ran, and whether two threads ever had one seat. */
struct Counted {
  explicit Counted(size_t chunks, unsigned seats) : runs(chunks), seat_taken(seats) {}
  std::vector<std::atomic<int>> runs;
  std::vector<std::atomic<int>> seat_taken;
  std::atomic<int> seat_conflicts{0};
  std::atomic<bool>* cancel_at_third = nullptr;
  int64_t chunk_ns = 5'000;

  static void run(void* context, size_t chunk, unsigned seat) noexcept {
    auto* self = static_cast<Counted*>(context);
    if (self->seat_taken[seat].fetch_add(1) != 0) self->seat_conflicts.fetch_add(1);
    spin_for_ns(self->chunk_ns);
    self->runs[chunk].fetch_add(1);
    if (chunk == 3 && self->cancel_at_third != nullptr) self->cancel_at_third->store(true);
    self->seat_taken[seat].fetch_sub(1);
  }
  ChunkedWork work() { return {run, this, runs.size()}; }
  bool ran_exactly(size_t first_chunks) {
    for (size_t i = 0; i < runs.size(); ++i) {
      if (runs[i].load() != (i < first_chunks ? 1 : 0)) return false;
    }
    return true;
  }
};

void every_chunk_runs_once() {
  ThreadPool pool({4, false});
  for (size_t chunks : {size_t{0}, size_t{1}, size_t{2}, size_t{3}, size_t{100}}) {
    Counted counted(chunks, 4);
    const ChunkedOutcome outcome = pool.run(counted.work(), {4, kLongNs});
    check(outcome.chunks_done == chunks, "all chunks are reported");
    check(counted.ran_exactly(chunks), "each chunk ran once");
    check(counted.seat_conflicts == 0, "no seat was shared");
    check(outcome.threads >= 1 && outcome.threads <= 4, "the threads are within the limit");
  }
}

void helpers_take_part() {
  ThreadPool pool({4, false});
  bool helped = false;
  for (int attempt = 0; attempt < 200 && !helped; ++attempt) {
    Counted counted(64, 4);
    counted.chunk_ns = 100'000;
    helped = pool.run(counted.work(), {4, kLongNs}).threads > 1;
  }
  check(helped, "a helper joined one of 200 calls of 6 ms");
}

void short_work_stays_on_its_thread() {
  ThreadPool pool({4, false});
  Counted counted(64, 4);
  check(pool.run(counted.work(), {4, 100}).threads == 1, "work of 100 ns is not shared");
  check(!pool.is_worth_sharing(kLongNs, 1), "a limit of one thread is kept");
  ThreadPool single({1, false});
  check(!single.is_worth_sharing(kLongNs, 8), "one CPU shares no work");
}

void many_callers_at_once() {
  ThreadPool pool({3, false});
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&] {
      for (int call = 0; call < 200; ++call) {
        Counted counted(17, 3);
        counted.chunk_ns = 500;
        const ChunkedOutcome outcome = pool.run(counted.work(), {3, kLongNs});
        if (outcome.chunks_done != 17 || !counted.ran_exactly(17) || counted.seat_conflicts != 0) ++wrong;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  check(wrong == 0, "8 callers with 200 calls each got all their chunks");
}

void stopping_leaves_no_gap() {
  ThreadPool pool({4, false});
  std::atomic<bool> cancelled{false};
  Counted counted(1000, 4);
  counted.cancel_at_third = &cancelled;
  const size_t done = pool.run(counted.work(), {4, kLongNs, 0, &cancelled}).chunks_done;
  check(done >= 4 && done < 1000, "a cancelled call ends early");
  check(counted.ran_exactly(done), "what ran is the beginning, without a gap");

  Counted late(1000, 4);
  const size_t in_time = pool.run(late.work(), {4, kLongNs, now_ns() + 200'000, nullptr}).chunks_done;
  check(in_time < 1000, "a call past its deadline ends early");
  check(late.ran_exactly(in_time), "what ran in time is the beginning, without a gap");
}

struct CountingTask final : AsyncTask {
  std::atomic<int>* ran;
  std::atomic<int>* helped;
  void run(ThreadPool& pool) noexcept override {
    Counted counted(8, 4);
    if (pool.run(counted.work(), {4, kLongNs}).chunks_done == 8 && counted.ran_exactly(8)) helped->fetch_add(1);
    ran->fetch_add(1);
  }
};

void tasks_run_once_while_calls_go_on() {
  std::atomic<int> ran{0};
  std::atomic<int> whole{0};
  std::vector<CountingTask> tasks(100);
  {
    ThreadPool pool({2, false});
    for (auto& task : tasks) {
      task.ran = &ran;
      task.helped = &whole;
      check(pool.submit(&task), "the pool takes the task");
      Counted counted(4, 2);
      pool.run(counted.work(), {2, kLongNs});
    }
    while (ran.load() < 100) std::this_thread::yield();
  }
  check(ran == 100 && whole == 100, "100 tasks ran once each, with all their chunks");
}

struct BlockingTask final : AsyncTask {
  std::atomic<bool>* go_on;
  std::atomic<int>* ran;
  void run(ThreadPool&) noexcept override {
    while (!go_on->load()) std::this_thread::yield();
    ran->fetch_add(1);
  }
};

void withdrawn_tasks_do_not_run() {
  std::atomic<bool> go_on{false};
  std::atomic<int> ran{0};
  BlockingTask first, second, third;
  for (BlockingTask* task : {&first, &second, &third}) {
    task->go_on = &go_on;
    task->ran = &ran;
  }
  {
    ThreadPool pool({1, false});
    check(pool.submit(&first) && pool.submit(&second) && pool.submit(&third), "the pool takes the tasks");
    check(pool.withdraw(&second), "a queued task is withdrawn");
    check(!pool.withdraw(&second), "it is withdrawn once");
    go_on = true;
    while (ran.load() < 2) std::this_thread::yield();
    check(!pool.withdraw(&first), "a task that ran is not withdrawn");
  }
  check(ran == 2, "the withdrawn task never ran");
}

void pools_come_and_go() {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool({3, i % 2 == 0});
    Counted counted(4, 3);
    counted.chunk_ns = 100;
    pool.run(counted.work(), {3, kLongNs});
  }
  ThreadPool* first = acquire_process_pool();
  check(first != nullptr && acquire_process_pool() == first, "the process has one pool");
  release_process_pool();
  release_process_pool();
}

void chunked_items_are_complete() {
  ThreadPool pool({3, false});
  for (size_t items : {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{1000}, size_t{100'000}}) {
    Throughput throughput;
    std::vector<std::atomic<int>> seen(items + 7);
    auto body = [&](size_t begin, size_t end, unsigned) {
      for (size_t i = begin; i < end; ++i) seen[i].fetch_add(1);
    };
    const size_t reached = run_in_chunks({&pool, 3}, throughput, {3072, 1}, 7, items + 7, body);
    bool once = reached == items + 7;
    for (size_t i = 0; i < items + 7; ++i) once = once && seen[i].load() == (i < 7 ? 0 : 1);
    check(once, "each item was seen once");
  }
}

void throughput_learns() {
  Throughput throughput;
  const double expected = throughput.estimate_ns(1 << 20);
  for (int i = 0; i < 100; ++i) throughput.record(1 << 20, expected * 3);
  const double learned = throughput.estimate_ns(1 << 20);
  check(learned > 2.9 * expected && learned < 3.1 * expected, "the estimate follows what was measured");
  throughput.record(1 << 20, expected * 3000);
  check(throughput.estimate_ns(1 << 20) < 2 * learned, "one interruption moves it little");
}

}  // namespace

int main() {
  run_test("every chunk runs once", every_chunk_runs_once);
  run_test("helpers take part", helpers_take_part);
  run_test("short work stays on its thread", short_work_stays_on_its_thread);
  run_test("many callers at once", many_callers_at_once);
  run_test("stopping leaves no gap", stopping_leaves_no_gap);
  run_test("tasks run once while calls go on", tasks_run_once_while_calls_go_on);
  run_test("withdrawn tasks do not run", withdrawn_tasks_do_not_run);
  run_test("pools come and go", pools_come_and_go);
  run_test("chunked items are complete", chunked_items_are_complete);
  run_test("throughput learns", throughput_learns);
  return failures == 0 ? 0 : 1;
}
