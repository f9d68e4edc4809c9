#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gearshift::cuda {

/**
 * How fast a device goes through a kind of work, learned from its own events, so that one launch takes some milliseconds on
 * any of them: short enough to be cancelled and to never look hung, long enough that launching costs nothing.
 */
class Pace {
 public:
  /** So many items, of `work_per_item` multiply-adds each, are one launch; at least 1. */
  size_t items_per_launch(double work_per_item) const noexcept {
    const double items = work_per_ms_.load(std::memory_order_relaxed) * kLaunchMs / std::max(work_per_item, 1.0);
    return items < 1 ? 1 : items > kMostItems ? static_cast<size_t>(kMostItems) : static_cast<size_t>(items);
  }

  /** Threads may overwrite each other's lesson: the next one comes with the next launch. */
  void learn(double work, double ms) noexcept {
    constexpr double kLeastMs = 1e-3;  // what events can tell apart
    const double known = work_per_ms_.load(std::memory_order_relaxed);
    const double seen = work / std::max(ms, kLeastMs);
    // A small launch is mostly overhead and says little, except that there is no reason for caution.
    const double believed = std::clamp(seen, known / 8, known * 8);
    if (believed < known && work < known * kLaunchMs / 2) return;
    work_per_ms_.store(known + (believed - known) / 2, std::memory_order_relaxed);
  }

 private:
  static constexpr double kLaunchMs = 4;
  static constexpr double kMostItems = 1 << 30;
  std::atomic<double> work_per_ms_{1 << 20};  // of a very slow device
};

}  // namespace gearshift::cuda
