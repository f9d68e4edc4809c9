#pragma once

#include <cstddef>
#include <memory>

#include "core/aligned_memory.h"
#include "core/metric.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/** Rows to score, borrowed: row r begins at rows + r * stride. */
struct MatrixView {
  const float* rows;
  size_t stride;
  size_t row_count;
  size_t dimensions;
  const float* inverse_norms;  // null: worked out during the scan
};

/** A caller's own rows, scored where they are. */
inline MatrixView view_of(const float* rows, size_t row_count, size_t dimensions) noexcept {
  return {rows, dimensions, row_count, dimensions, nullptr};
}

/**
 * A copy of a matrix that is made for scanning: every row begins on a cache line and is padded with zeros to whole ones, and
 * the inverse norms are stored. Contents are the caller's to fill, row by row; once all rows are there it does not change.
 */
class ResidentMatrix {
 public:
  /** Null when there is no memory, or no address space for so many rows. */
  static std::unique_ptr<ResidentMatrix> allocate(size_t rows, size_t dimensions) noexcept;

  /** Copies the rows [start, end) of `values` and works out their norms. Threads may fill disjoint ranges at a time. */
  void fill(const KernelTable& kernels, const float* values, size_t start, size_t end) noexcept;

  MatrixView view() const noexcept {
    return {rows_.as<float>(), stride_, row_count_, dimensions_, inverse_norms_.as<float>()};
  }
  size_t bytes() const noexcept { return rows_.bytes() + inverse_norms_.bytes(); }

 private:
  ResidentMatrix() noexcept = default;

  AlignedMemory rows_;
  AlignedMemory inverse_norms_;
  size_t stride_ = 0;
  size_t row_count_ = 0;
  size_t dimensions_ = 0;
};

}  // namespace gearshift
