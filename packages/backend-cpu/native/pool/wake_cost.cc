#include "pool/wake_cost.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "pool/clock.h"

namespace gearshift {
namespace {

/** Long enough for the woken thread to be truly asleep again, and its CPU perhaps too. */
constexpr auto kPauseBetweenRounds = std::chrono::microseconds(150);
constexpr int64_t kGiveUpAfterNs = 5'000'000;

/**
 * With cost `c` for the caller and a helper that begins after `b`, sharing work `w` takes about (w + c + b) / 2, so it pays
 * from w = c + b; twice that leaves room for the estimate to be wrong, and for what the second thread takes from the caches.
 */
constexpr double kSafetyFactor = 2.0;
constexpr double kLeastNs = 20e3;
constexpr double kMostNs = 1e6;

}  // namespace

void WakeCost::measure_waking() noexcept {
  double measured_ns[kRounds];
  int rounds = 0;
  const int64_t give_up_at = now_ns() + kGiveUpAfterNs;
  for (int round = 1; round <= kRounds && now_ns() < give_up_at; ++round) {
    std::this_thread::sleep_for(kPauseBetweenRounds);
    int64_t begin_ns;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!is_waiting_) continue;
      woken_at_ns_.store(0, std::memory_order_relaxed);
      round_ = round;
      begin_ns = now_ns();
    }
    wake_.notify_one();
    const int64_t notified_ns = now_ns();
    int64_t woken_ns = 0;
    while ((woken_ns = woken_at_ns_.load(std::memory_order_acquire)) == 0 && now_ns() < give_up_at) {
      std::this_thread::yield();
    }
    if (woken_ns != 0) measured_ns[rounds++] = static_cast<double>((notified_ns - begin_ns) + (woken_ns - begin_ns));
  }
  if (rounds > 0) {
    std::nth_element(measured_ns, measured_ns + rounds / 2, measured_ns + rounds);
    share_from_ns_.store(std::clamp(kSafetyFactor * measured_ns[rounds / 2], kLeastNs, kMostNs),
                         std::memory_order_relaxed);
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    round_ = kRounds + 1;
  }
  wake_.notify_one();
}

void WakeCost::measure_being_woken() noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  int seen = 0;
  while (seen <= kRounds) {
    is_waiting_ = true;
    wake_.wait(lock, [&] { return round_ > seen; });
    is_waiting_ = false;
    seen = round_;
    woken_at_ns_.store(now_ns(), std::memory_order_release);
  }
}

}  // namespace gearshift
