#pragma once

#include "operations/scan_launcher.h"

namespace gearshift::cuda {

/** The k best of one query, for any k: all its scores, then radix selection. */
class RadixSelection {
 public:
  RadixSelection(Run& run, const Scan& scan, ScanLauncher& launcher, size_t k) noexcept
      : run_(run), scan_(scan), launcher_(launcher), k_(k) {}

  /** Leaves k keys of one query, in no order, at keys(). */
  Outcome run_query(size_t query) noexcept;
  CUdeviceptr keys() const noexcept { return run_.lane.keys.address() + kStateBytes; }

 private:
  /** Before the keys: the digits found, how many are left, how many were collected, the histogram. */
  static constexpr size_t kCollected = 2 * sizeof(uint64_t);
  static constexpr size_t kHistogram = 4 * sizeof(uint64_t);
  static constexpr size_t kStateBytes = kHistogram + kDigits * sizeof(uint32_t);

  Outcome score(const ScanPart& part) noexcept;
  Outcome select() noexcept;

  Run& run_;
  const Scan& scan_;
  ScanLauncher& launcher_;
  const size_t k_;
};

}  // namespace gearshift::cuda
