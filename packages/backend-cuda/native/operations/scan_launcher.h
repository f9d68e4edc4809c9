#pragma once

#include "operations/request.h"

namespace gearshift::cuda {

/** Part of a scan that one launch does: up to kQueryGroup queries by some of the rows. */
struct ScanPart {
  size_t first_query;  // among those that are on the device
  size_t queries;
  size_t begin;        // of the rows of the scan, from 0
  size_t count;
};

/** Puts what a scan needs on the device, and launches its parts. */
class ScanLauncher {
 public:
  ScanLauncher(Run& run, const Scan& scan) noexcept : run_(run), scan_(scan) {}

  /** Queries that are on the device at a time: a multiple of kQueryGroup. */
  size_t batch_queries() const noexcept;
  /** Uploads the candidates, where there are some. */
  Outcome prepare() noexcept;
  /** Uploads queries [first, first + count). Nothing that reads the ones before may be under way. */
  Outcome load_queries(size_t first, size_t count) noexcept;
  /** Rows that one launch may have for so many queries. */
  size_t rows_per_launch(size_t queries) const noexcept;
  /** scores[query * part.count + i], device memory. */
  Outcome launch(const ScanPart& part, CUdeviceptr scores) noexcept;
  /** Has the device's pace learn from a launch. */
  void learn(const ScanPart& part, double ms) noexcept;

  /** Row numbers of part.begin and on, for kernels that name rows: an array on the device, or null and the first number. */
  CUdeviceptr row_numbers(const ScanPart& part) const noexcept;
  uint32_t first_number(const ScanPart& part) const noexcept;

 private:
  double work_per_row(size_t queries) const noexcept;

  Run& run_;
  const Scan& scan_;
  DeviceBuffer candidates_;
  size_t loaded_ = 0;  // queries on the device
};

}  // namespace gearshift::cuda
