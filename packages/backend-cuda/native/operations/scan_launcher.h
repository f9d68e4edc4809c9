#pragma once

#include "operations/score_source.h"

namespace gearshift::cuda {

/** Puts what a scan needs on the device, and launches its parts. */
class ScanLauncher final : public ScoreSource {
 public:
  ScanLauncher(Run& run, const Scan& scan) noexcept : run_(run), scan_(scan) {}

  /** Queries that are on the device at a time: a multiple of kQueryGroup. */
  size_t batch_queries() const noexcept;
  /** Uploads the candidates or the words, where there are some. */
  Outcome prepare() noexcept;
  /** Uploads queries [first, first + count). Nothing that reads the ones before may be under way. */
  Outcome load_queries(size_t first, size_t count) noexcept;
  size_t loaded_queries() const noexcept { return loaded_; }
  /** Of a query that is on the device. */
  CUdeviceptr query(size_t index) const noexcept;
  CUdeviceptr query_inverse_norm(size_t index) const noexcept;

  size_t group_queries() const noexcept override { return kQueryGroup; }
  size_t rows_per_launch(size_t queries) const noexcept override;
  size_t most_rows_per_launch(size_t queries) const noexcept override;
  Outcome launch(const ScanPart& part, CUdeviceptr scores) noexcept override;
  void learn(const ScanPart& part, double ms) noexcept override;
  /** scores[query * count + i] of the row that keys[query * count + i] names, for the first `queries`: keys of whole rows. */
  Outcome launch_selected(size_t queries, CUdeviceptr keys, size_t count, CUdeviceptr scores) noexcept;

  /** Row numbers of part.begin and on, for kernels that name rows: an array on the device, or null and the first number. */
  CUdeviceptr row_numbers(const ScanPart& part) const noexcept;
  uint32_t first_number(const ScanPart& part) const noexcept;
  /** Which rows of the part are considered: words on the device, or null for all, and the bit of its first row. */
  CUdeviceptr words() const noexcept { return scan_.words == nullptr ? 0 : run_.lane.candidates.address(); }
  uint64_t first_bit(const ScanPart& part) const noexcept { return scan_.first_bit() + part.begin; }

 private:
  double work_per_row(size_t queries) const noexcept;

  Run& run_;
  const Scan& scan_;
  size_t loaded_ = 0;  // queries on the device
};

}  // namespace gearshift::cuda
