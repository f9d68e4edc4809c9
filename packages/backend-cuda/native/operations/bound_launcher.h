#pragma once

#include <optional>

#include "operations/scan_launcher.h"

namespace gearshift::cuda {

/** What bounds are made from. */
enum class BoundForm { float16, tf32, int8 };

/** Bounds of the scores of a scan from fewer bits than float32 has: see kernels/bound.cu. */
class BoundLauncher final : public ScoreSource {
 public:
  /** The form that suits the scan on this device; none where float32 is as good. */
  static std::optional<BoundForm> choose(const Device& device, const Scan& scan) noexcept;

  BoundLauncher(Run& run, const Scan& scan, const ScanLauncher& queries, BoundForm form) noexcept
      : run_(run), scan_(scan), queries_(queries), form_(form) {}

  /** Makes the narrow form of the queries that `queries` holds. */
  Outcome narrow_queries() noexcept;

  size_t group_queries() const noexcept override { return form_ == BoundForm::int8 ? kQueryGroup : kBoundQueriesWide; }
  size_t rows_per_launch(size_t queries) const noexcept override;
  size_t most_rows_per_launch(size_t queries) const noexcept override;
  Outcome launch(const ScanPart& part, CUdeviceptr bounds) noexcept override;
  void learn(const ScanPart& part, double ms) noexcept override;

 private:
  double work_per_row(size_t queries) const noexcept;
  CUfunction kernel_for(size_t queries) const noexcept;

  Run& run_;
  const Scan& scan_;
  const ScanLauncher& queries_;
  const BoundForm form_;
  NarrowRows narrow_;
};

}  // namespace gearshift::cuda
