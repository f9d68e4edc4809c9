#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "kit/condition.h"

namespace gearshift {

/**
 * What waking a sleeping thread costs on this machine: 3 microseconds on bare metal, 50 on some virtual machines. Two pool
 * threads measure it against each other when the pool starts, so no caller pays for it; until then a cautious figure holds.
 */
class WakeCost {
 public:
  /** Work shorter than this on one thread is not worth waking a helper for. */
  double share_from_ns() const noexcept { return share_from_ns_.load(std::memory_order_relaxed); }

  /** The two sides of the measurement, each on a thread of its own; both return within a few milliseconds. */
  void measure_waking() noexcept;
  void measure_being_woken() noexcept;

 private:
  static constexpr int kRounds = 7;

  std::atomic<double> share_from_ns_{150e3};
  std::mutex mutex_;
  kit::Condition wake_;
  int round_ = 0;          // guarded by mutex_
  bool is_waiting_ = false;  // guarded by mutex_
  std::atomic<int64_t> woken_at_ns_{0};
};

}  // namespace gearshift
