#pragma once

#include <cstddef>

namespace simt {

/** A stack to run on beside the thread's own, and a way to and fro. Tells ASan and TSan about it. */
class Fiber {
 public:
  /** `run` is called on the first resume() and must never return. */
  explicit Fiber(void (*run)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /** From the scheduler: runs the fiber until it yields. */
  void resume();
  /** From within: back to the scheduler. */
  void yield();
  /** Begins anew at the next resume(): of what was on the stack nothing is left. */
  void restart();

 private:
  static constexpr size_t kStackBytes = 128 * 1024;

  void (*const run_)();
  char* stack_;
  void* stack_pointer_ = nullptr;
  void* sanitizer_state_ = nullptr;
};

}  // namespace simt
