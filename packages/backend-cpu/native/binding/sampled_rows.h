#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/matrix.h"
#include "kit/owned_array.h"
#include "kit/sampled_rows.h"

namespace gearshift::binding {

/** Tells whether values, which have the matrix's type of elements, are those of the matrix. */
inline bool holds_sample_of(const MatrixView& matrix, const void* values, size_t length) noexcept {
  if (matrix.row_count == 0) return true;
  if (length / matrix.row_count < matrix.dimensions) return false;
  const MatrixView others = view_of(values, matrix.format, matrix.row_count, matrix.dimensions);
  return kit::visit_sampled_rows(matrix.row_count, matrix.dimensions, [&](size_t row, size_t elements) {
    return std::memcmp(matrix.row(row), others.row(row), elements * matrix.format.bytes()) == 0;
  });
}

/**
 * Where rows are that were not copied, and some of them: another thread may give values with the same id and version, and
 * these must be the same.
 */
class SampledRows {
 public:
  /** Rows that change have no contents to compare. False: out of memory. */
  bool take(const MatrixView& matrix) noexcept {
    rows_ = matrix.rows;
    format_ = matrix.format;
    is_changing_ = matrix.version != nullptr;
    bytes_.reset();
    if (is_changing_) return true;
    return kit::visit_sampled_rows(matrix.row_count, matrix.dimensions, [&](size_t row, size_t elements) {
      const auto* const bytes = static_cast<const uint8_t*>(matrix.row(row));
      for (size_t i = 0; i < elements * format_.bytes(); ++i) {
        if (!bytes_.push(bytes[i])) return false;
      }
      return true;
    });
  }

  /** The values have the type of elements of the rows. */
  bool matches(const void* values, size_t length, size_t row_count, size_t dimensions) const noexcept {
    if (row_count == 0) return true;
    if (length / row_count < dimensions) return false;
    if (values == rows_) return true;
    if (is_changing_) return false;
    const uint8_t* sample = bytes_.begin();
    const MatrixView others = view_of(values, format_, row_count, dimensions);
    return kit::visit_sampled_rows(row_count, dimensions, [&](size_t row, size_t elements) {
      const size_t bytes = elements * format_.bytes();
      if (sample + bytes > bytes_.end()) return false;
      const bool is_same = std::memcmp(sample, others.row(row), bytes) == 0;
      sample += bytes;
      return is_same;
    });
  }

 private:
  const void* rows_ = nullptr;  // compared alone: the memory may be gone
  ElementFormat format_;
  bool is_changing_ = false;
  kit::OwnedArray<uint8_t> bytes_;
};

}  // namespace gearshift::binding
