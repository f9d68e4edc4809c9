#pragma once

#include "operations/bound_launcher.h"

namespace gearshift::cuda {

/**
 * The k best of each query without scoring every row in float32: the rows with the best bounds are selected and scored, and where no other
 * row's bound reaches the k-th score, these are the k best, with the same bits as a scan of all.
 */
class CertifiedSelection {
 public:
  /** The form of bounds to do it with; none where that would gain nothing. */
  static std::optional<BoundForm> choose(const Device& device, const Scan& scan, size_t k) noexcept;

  CertifiedSelection(Run& run, const Scan& scan, ScanLauncher& launcher, BoundForm form, size_t k) noexcept;

  /**
   * All queries that are on the device. keys[query * k ..], best first; certain[query] is 0 where others may be among the best, and
   * keys mean nothing.
   */
  Outcome run(uint64_t* keys, uint32_t* certain) noexcept;

 private:
  Run& run_;
  const Scan& scan_;
  ScanLauncher& launcher_;
  const size_t k_;
  const size_t selected_;  // rows, for each query
  BoundLauncher bounds_;
};

}  // namespace gearshift::cuda
