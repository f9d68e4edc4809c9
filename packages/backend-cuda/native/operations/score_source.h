#pragma once

#include "operations/request.h"

namespace gearshift::cuda {

/** Part of a scan that one launch does: some queries by some of the rows. */
struct ScanPart {
  size_t first_query;  // among those that are on the device
  size_t queries;
  size_t begin;        // of the rows of the scan, from 0
  size_t count;
};

/** What fills scores[query * part.count + i], device memory: scores, or bounds of them. */
class ScoreSource {
 public:
  virtual ~ScoreSource() = default;

  /** Queries that share one reading of the rows. */
  virtual size_t group_queries() const noexcept = 0;
  /** Rows that one launch may have for so many queries, and the most there may ever be. */
  virtual size_t rows_per_launch(size_t queries) const noexcept = 0;
  virtual size_t most_rows_per_launch(size_t queries) const noexcept = 0;
  virtual Outcome launch(const ScanPart& part, CUdeviceptr scores) noexcept = 0;
  /** Has the device's pace learn from a launch. */
  virtual void learn(const ScanPart& part, double ms) noexcept = 0;
};

}  // namespace gearshift::cuda
