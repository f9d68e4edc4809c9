#pragma once

#include "operations/scan_launcher.h"

namespace gearshift::cuda {

/** Blocks for a selection from so many scores. */
unsigned select_blocks(size_t count, unsigned threads) noexcept;

/**
 * The k best of each query, for k up to kSelectMostK: parts of the scan are selected from as they are made, and merged. Of scores, or of
 * bounds. Has settled when a function returns with success.
 */
class ListSelection {
 public:
  /** @param scan_launcher  names the rows; @param source  makes what is selected from */
  ListSelection(Run& run, const Scan& scan, const ScanLauncher& scan_launcher, ScoreSource& source, size_t k) noexcept
      : run_(run), scan_(scan), scan_launcher_(scan_launcher), source_(source), k_(k) {}

  /** Queries [first, first + count) of those on the device. */
  Outcome run(size_t first, size_t count) noexcept;
  /** count x k keys, best first; until the lane's keys are used again. */
  CUdeviceptr best() const noexcept { return run_.lane.keys.address() + lists_bytes(); }

 private:
  size_t lists_bytes() const noexcept { return source_.group_queries() * kMostSelectBlocks * k_ * sizeof(uint64_t); }
  Outcome push(const ScanPart& part, CUdeviceptr best) noexcept;
  Outcome select(const ScanPart& part, CUdeviceptr best) noexcept;
  Outcome settle(size_t index) noexcept;

  Run& run_;
  const Scan& scan_;
  const ScanLauncher& scan_launcher_;
  ScoreSource& source_;
  const size_t k_;
  size_t next_ = 0;
  ScanPart parts_[Lane::kSlots] = {};
};

}  // namespace gearshift::cuda
