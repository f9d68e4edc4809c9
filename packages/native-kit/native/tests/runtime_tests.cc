// Tests of what addons use in place of the C++ library (native/runtime). Prints a line per test and exits with 1 when one failed; a
// deadlock ends it by a signal.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <new>

namespace {

constexpr unsigned kMostSeconds = 60;

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

std::atomic<int> initialized{0};

int innermost() {
  static const int value = ++initialized;
  return value;
}

int inner() {
  static const int value = innermost() + ++initialized;
  return value;
}

int outer() {
  static const int value = inner() + ++initialized;
  return value;
}

void an_initializer_may_initialize_other_variables() {
  check(outer() == 6, "each of three, once");
  check(outer() == 6 && inner() == 3 && innermost() == 1, "not again");
}

/** Runs it on threads at a time, without memory of the C++ library, which this program replaces by half. */
void run_on_threads(int count, void (*work)(int thread)) {
  struct Start {
    void (*work)(int);
    int thread;
    pthread_t id;
  } starts[8];
  for (int i = 0; i < count; ++i) {
    starts[i].work = work;
    starts[i].thread = i;
    const auto run = [](void* start) -> void* {
      static_cast<Start*>(start)->work(static_cast<Start*>(start)->thread);
      return nullptr;
    };
    if (pthread_create(&starts[i].id, nullptr, run, &starts[i]) != 0) return check(false, "a thread");
  }
  for (int i = 0; i < count; ++i) pthread_join(starts[i].id, nullptr);
}

std::atomic<int> runs{0};
std::atomic<int> right{0};

int slow() {
  const int run = ++runs;
  usleep(20'000);  // other threads arrive meanwhile
  return run;
}

void threads_initialize_a_variable_once() {
  run_on_threads(8, [](int) {
    static const int value = slow();
    if (value == 1) ++right;
  });
  check(runs == 1 && right == 8, "one run, which every thread waited for");
}

std::atomic<bool> goes_on{false};

bool wait_to_go_on() {
  while (!goes_on) usleep(100);
  return true;
}

void a_variable_waits_for_no_other() {
  run_on_threads(2, [](int thread) {
    if (thread == 0) {
      static const bool waited = wait_to_go_on();
      check(waited, "the first");
    } else {
      static const bool was_on = goes_on.exchange(true);
      check(!was_on, "the second");
    }
  });
}

void memory_is_aligned() {
  for (const size_t alignment : {size_t{16}, size_t{64}, size_t{4096}}) {
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{100'000}}) {
      void* const memory = ::operator new(bytes, std::align_val_t{alignment}, std::nothrow);
      check(memory != nullptr && reinterpret_cast<uintptr_t>(memory) % alignment == 0, "aligned memory");
      ::operator delete(memory, bytes, std::align_val_t{alignment});
    }
  }
  void* const memory = ::operator new(0, std::nothrow);
  check(memory != nullptr, "memory of no bytes");
  ::operator delete(memory);
}

}  // namespace

int main() {
  alarm(kMostSeconds);
  run_test("an initializer may initialize other variables", an_initializer_may_initialize_other_variables);
  run_test("threads initialize a variable once", threads_initialize_a_variable_once);
  run_test("a variable waits for no other", a_variable_waits_for_no_other);
  run_test("memory is aligned", memory_is_aligned);
  return failures == 0 ? 0 : 1;
}
