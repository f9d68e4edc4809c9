#include "simt/grid.h"

#include <csetjmp>
#include <csignal>
#include <memory>
#include <vector>

#include "simt/fiber.h"
#include "simt/fragments.h"

// Only the kernels are instrumented for TSan: what goes on in here is not theirs.
#if defined(SIMT_TSAN)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#define SIMT_ACQUIRE(address) __tsan_acquire(address)
#define SIMT_RELEASE(address) __tsan_release(address)
#else
#define SIMT_ACQUIRE(address) (void)(address)
#define SIMT_RELEASE(address) (void)(address)
#endif

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

extern "C" char __start_simt_shared[] __attribute__((weak));
extern "C" char __stop_simt_shared[] __attribute__((weak));

namespace simt {

Kernel* Kernel::first = nullptr;
Dimensions current_grid, current_block, current_block_index;

namespace {

constexpr unsigned kWarp = 32;
constexpr unsigned kMostThreads = 1024;

enum class State : uint8_t { runnable, at_barrier, at_warp, done };

struct Thread {
  explicit Thread(void (*run)()) : fiber(run) {}

  Fiber fiber;
  Dimensions index{};
  unsigned number = 0;
  State state = State::done;
  WarpOperation operation{};
  uint32_t mask = 0;
  uint32_t value = 0;
  unsigned source = 0;
  Fragments* fragments = nullptr;
  unsigned barriers = 0;  // met so far
};

// The one launch that runs. What the sanitizers take as the points where threads meet: the start and end of a block, its
// barrier, each warp.
std::vector<std::unique_ptr<Thread>>& threads = *new std::vector<std::unique_ptr<Thread>>();
Thread* current;
void (*kernel_call)(void**);
void** kernel_parameters;
std::string* failure;
uint32_t random_state;
char block_begin, block_end, block_barriers[2], warp_meeting[kMostThreads / kWarp];

uint32_t draw(uint32_t bound) {
  random_state = random_state * 1664525u + 1013904223u;
  return static_cast<uint32_t>((uint64_t{random_state >> 8} * bound) >> 24);
}

void run_thread() {
  for (;;) {
    SIMT_ACQUIRE(&block_begin);
    kernel_call(kernel_parameters);
    SIMT_RELEASE(&block_end);
    current->state = State::done;
    current->fiber.yield();
  }
}

void resume(Thread& thread) {
  current = &thread;
  thread.fiber.resume();
}

bool fail(const std::string& what) {
  if (failure->empty()) {
    *failure = what + " (block " + std::to_string(current_block_index.x) + ", " + std::to_string(current_block_index.y) + ")";
  }
  return false;
}

/** Lanes of a warp that wait for each other go on. False: they never can. */
bool let_warp_meet(unsigned warp, unsigned thread_count, bool* met) {
  const unsigned begin = warp * kWarp;
  const unsigned end = begin + kWarp < thread_count ? begin + kWarp : thread_count;
  uint32_t waiting = 0;
  uint32_t existing = 0;
  const Thread* first = nullptr;
  const auto complain = [=](const char* what) { return fail("warp " + std::to_string(warp) + ": " + what); };
  for (unsigned i = begin; i < end; ++i) {
    existing |= 1u << (i - begin);
    const Thread& thread = *threads[i];
    if (thread.state != State::at_warp) continue;
    waiting |= 1u << (i - begin);
    if (first == nullptr) first = &thread;
    if (thread.mask != first->mask) return complain("lanes meet with different masks");
    if (thread.operation != first->operation) return complain("lanes meet in different operations");
  }
  if (first == nullptr) return true;
  const uint32_t expected = first->mask & existing;
  // Every lane has run as far as it could: who is not here now never comes.
  if ((expected & ~waiting) != 0) return complain("the mask names lanes that are elsewhere or have ended");
  if ((waiting & ~expected) != 0) return complain("a lane is outside of its own mask");
  if (first->operation >= WarpOperation::multiply_float16) {
    if (waiting != ~uint32_t{0}) return complain("a matrix product without the whole warp");
    Fragments* lanes[kWarp];
    for (unsigned i = begin; i < end; ++i) lanes[i - begin] = threads[i]->fragments;
    multiply(first->operation == WarpOperation::multiply_tf32, lanes);
    for (unsigned i = begin; i < end; ++i) threads[i]->state = State::runnable;
    *met = true;
    return true;
  }
  uint32_t values[kWarp] = {};
  uint32_t ballot = 0;
  for (unsigned i = begin; i < end; ++i) {
    values[i - begin] = threads[i]->value;
    if ((expected >> (i - begin) & 1) != 0 && threads[i]->value != 0) ballot |= 1u << (i - begin);
  }
  for (unsigned i = begin; i < end; ++i) {
    Thread& thread = *threads[i];
    if (thread.state != State::at_warp) continue;
    if (thread.operation == WarpOperation::ballot) {
      thread.value = ballot;
    } else {
      if (thread.source >= kWarp || (expected >> thread.source & 1) == 0) return complain("a shuffle from an absent lane");
      thread.value = values[thread.source];
    }
    thread.state = State::runnable;
  }
  *met = true;
  return true;
}

/** Runs a warp until none of its lanes can go on by itself. */
bool run_warp(unsigned warp, unsigned thread_count, bool* progressed) {
  const unsigned begin = warp * kWarp;
  const unsigned lanes = begin + kWarp < thread_count ? kWarp : thread_count - begin;
  for (;;) {
    bool ran = false;
    // A rotation, sometimes backwards: cheap, and no lane is always the first.
    const unsigned offset = draw(lanes);
    const bool backwards = draw(2) != 0;
    for (unsigned i = 0; i < lanes; ++i) {
      unsigned lane = offset + (backwards ? lanes - i : i);
      if (lane >= lanes) lane -= lanes;
      Thread& thread = *threads[begin + lane];
      if (thread.state != State::runnable) continue;
      resume(thread);
      ran = true;
    }
    if (!let_warp_meet(warp, thread_count, &ran)) return false;
    if (!ran) return true;
    *progressed = true;
  }
}

bool run_block(unsigned thread_count) {
  const unsigned warps = (thread_count + kWarp - 1) / kWarp;
  for (;;) {
    bool progressed = false;
    const unsigned offset = draw(warps);
    for (unsigned i = 0; i < warps; ++i) {
      if (!run_warp((offset + i) % warps, thread_count, &progressed)) return false;
    }
    unsigned at_barrier = 0;
    unsigned done = 0;
    for (unsigned i = 0; i < thread_count; ++i) {
      const State state = threads[i]->state;
      at_barrier += state == State::at_barrier;
      done += state == State::done;
    }
    if (done == thread_count) return true;
    if (at_barrier == thread_count) {
      for (unsigned i = 0; i < thread_count; ++i) threads[i]->state = State::runnable;
      continue;
    }
    if (at_barrier + done == thread_count) {
      return fail("__syncthreads in divergent code: " + std::to_string(done) + " of " + std::to_string(thread_count) +
                  " threads have ended");
    }
    if (!progressed) return fail("deadlock");
  }
}

/** By hand: ASan keeps zones between variables that a memset may not touch. */
__attribute__((no_sanitize("address"))) void poison_shared_memory() {
  auto* const end = reinterpret_cast<volatile uint64_t*>(__stop_simt_shared);
  auto* word = reinterpret_cast<volatile uint64_t*>(__start_simt_shared);
  for (; word + 1 <= end; ++word) *word = ~uint64_t{0};
  for (auto* byte = reinterpret_cast<volatile char*>(word); byte < __stop_simt_shared; ++byte) *byte = static_cast<char>(0xff);
}

sigjmp_buf after_illegal_address;
volatile sig_atomic_t in_kernel;
struct sigaction previous_action;

#if !defined(__SANITIZE_ADDRESS__)
void on_segmentation_fault(int signal, siginfo_t* info, void* context) {
  if (in_kernel) siglongjmp(after_illegal_address, 1);
  if ((previous_action.sa_flags & SA_SIGINFO) != 0 && previous_action.sa_sigaction != nullptr) {
    previous_action.sa_sigaction(signal, info, context);
    return;
  }
  std::signal(signal, SIG_DFL);
  raise(signal);
}
#endif

/** An access beyond an allocation hits a page that is not there. Under ASan the report with its line is worth more. */
class CatchIllegalAddress {
 public:
  CatchIllegalAddress() {
#if !defined(__SANITIZE_ADDRESS__)
    struct sigaction action = {};
    action.sa_sigaction = on_segmentation_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &previous_action);
#endif
  }
  ~CatchIllegalAddress() {
#if !defined(__SANITIZE_ADDRESS__)
    sigaction(SIGSEGV, &previous_action, nullptr);
#endif
  }
};

LaunchEnd run_block_guarded(unsigned thread_count) {
  if (sigsetjmp(after_illegal_address, 1) != 0) {
    in_kernel = 0;
    return LaunchEnd::illegal_address;
  }
  in_kernel = 1;
  const bool is_done = run_block(thread_count);
  in_kernel = 0;
  return is_done ? LaunchEnd::done : LaunchEnd::undefined_behaviour;
}

}  // namespace

const Dimensions& current_thread_index() { return current->index; }
unsigned current_lane() { return current->number % kWarp; }

void sync_block() {
  // Two that take turns: a thread that is past the next barrier already must not seem to be ordered before this one.
  char* const barrier = &block_barriers[current->barriers++ % 2];
  SIMT_RELEASE(barrier);
  current->state = State::at_barrier;
  current->fiber.yield();
  SIMT_ACQUIRE(barrier);
}

uint32_t meet_warp(WarpOperation operation, uint32_t mask, uint32_t value, unsigned source) {
  Thread& thread = *current;
  thread.operation = operation;
  thread.mask = mask;
  thread.value = value;
  thread.source = source;
  SIMT_RELEASE(&warp_meeting[thread.number / kWarp]);
  thread.state = State::at_warp;
  thread.fiber.yield();
  SIMT_ACQUIRE(&warp_meeting[thread.number / kWarp]);
  return thread.value;
}

void multiply_fragments(WarpOperation operation, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  Fragments own;
  memcpy(own.a, a, sizeof own.a);
  memcpy(own.b, b, sizeof own.b);
  memcpy(own.c, c, sizeof own.c);
  current->fragments = &own;
  meet_warp(operation, ~uint32_t{0}, 0, 0);
  memcpy(c, own.c, sizeof own.c);
}

LaunchReport run_grid(const Kernel& kernel, void** parameters, Dimensions grid, Dimensions block, uint32_t seed) {
  const unsigned thread_count = block.x * block.y * block.z;
  while (threads.size() < thread_count) threads.push_back(std::make_unique<Thread>(run_thread));
  std::string what;
  failure = &what;
  kernel_call = kernel.call;
  kernel_parameters = parameters;
  current_grid = grid;
  current_block = block;
  random_state = seed;

  for (unsigned i = 0; i < thread_count; ++i) {
    threads[i]->number = i;
    threads[i]->index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
  }

  const CatchIllegalAddress catching;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        current_block_index = {x, y, z};
        poison_shared_memory();
        for (unsigned i = 0; i < thread_count; ++i) {
          threads[i]->state = State::runnable;
          threads[i]->barriers = 0;
        }
        SIMT_RELEASE(&block_begin);
        const LaunchEnd end = run_block_guarded(thread_count);
        SIMT_ACQUIRE(&block_end);
        if (end == LaunchEnd::done) continue;
        for (unsigned i = 0; i < thread_count; ++i) threads[i]->fiber.restart();
        return {end, std::string(kernel.name) + ": " + (end == LaunchEnd::illegal_address ? "illegal address" : what)};
      }
    }
  }
  return {LaunchEnd::done, ""};
}

}  // namespace simt
