#pragma once

#include <cstdint>

#include "kit/store/layout.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <sched.h>

#include <ctime>
#endif

namespace gearshift::kit {

/**
 * The lock of a stored matrix, for as long as it lives. It lies in shared memory. No JavaScript runs while it is held, so a
 * thread cannot be terminated with it.
 */
class StoreLock {
 public:
  explicit StoreLock(AtomicInt& word) noexcept : word_(word) {
    // Most changes take microseconds; a large one takes milliseconds.
    for (unsigned attempt = 0; word_.exchange(1, std::memory_order_acquire) != 0; ++attempt) wait(attempt);
  }
  ~StoreLock() { word_.store(0, std::memory_order_release); }
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  static constexpr unsigned kSpins = 200;
  static constexpr unsigned kYields = 50;

  void wait(unsigned attempt) const noexcept {
    if (attempt < kSpins) {
      // Without writes, which would take the line from its owner.
      for (unsigned i = 0; i < 32 && word_.load(std::memory_order_relaxed) != 0; ++i) {
      }
      return;
    }
#if defined(_WIN32)
    if (attempt < kSpins + kYields) SwitchToThread();
    else Sleep(1);
#else
    if (attempt < kSpins + kYields) {
      sched_yield();
    } else {
      const timespec pause{0, 50'000};
      nanosleep(&pause, nullptr);
    }
#endif
  }

  AtomicInt& word_;
};

}  // namespace gearshift::kit
