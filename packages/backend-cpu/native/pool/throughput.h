#pragma once

#include <atomic>
#include <cstddef>

namespace gearshift {

/**
 * How long one thread takes to work through so many bytes, learned from the calls themselves. Kept by the power of two of
 * the size, because a byte from a near cache costs a tenth of one from memory.
 */
class Throughput {
 public:
  /** Calls below this are always run at once by their own thread, and are not worth reading the clock for. */
  static constexpr size_t kLeastMeasuredBytes = 64 * 1024;

  constexpr Throughput() noexcept = default;

  double estimate_ns(size_t bytes) const noexcept {
    const float learned = ns_per_byte_[bucket_of(bytes)].load(std::memory_order_relaxed);
    return static_cast<double>(bytes) * (learned > 0 ? learned : expected_ns_per_byte(bytes));
  }

  /** What one thread took alone; lost updates between threads do no harm. */
  void record(size_t bytes, double elapsed_ns) noexcept {
    std::atomic<float>& cell = ns_per_byte_[bucket_of(bytes)];
    const float known = cell.load(std::memory_order_relaxed);
    const float before = known > 0 ? known : expected_ns_per_byte(bytes);
    auto seen = static_cast<float>(elapsed_ns / static_cast<double>(bytes));
    // A thread that lost its CPU in the middle says nothing about the memory.
    if (known > 0 && seen > kOutlier * before) seen = kOutlier * before;
    cell.store(before + kWeight * (seen - before), std::memory_order_relaxed);
  }

 private:
  static constexpr float kWeight = 0.2f;
  static constexpr float kOutlier = 4.0f;
  static constexpr size_t kBuckets = 48;

  static size_t bucket_of(size_t bytes) noexcept {
    size_t bucket = 0;
    while (bytes > 1 && bucket < kBuckets - 1) {
      bytes >>= 1;
      ++bucket;
    }
    return bucket;
  }

  /** Before anything is known: cautious figures for the second-level cache, the shared cache and memory. */
  static float expected_ns_per_byte(size_t bytes) noexcept {
    if (bytes <= (size_t{1} << 20)) return 1.0f / 50;
    if (bytes <= (size_t{32} << 20)) return 1.0f / 25;
    return 1.0f / 14;
  }

  std::atomic<float> ns_per_byte_[kBuckets]{};
};

}  // namespace gearshift
