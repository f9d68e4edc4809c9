#pragma once

#include <cstddef>
#include <cstring>

#include "core/matrix.h"
#include "kit/owned_array.h"
#include "kit/sampled_rows.h"

namespace gearshift::binding {

/** Tells whether values are those of a matrix. */
inline bool holds_sample_of(const MatrixView& matrix, const float* values, size_t length) noexcept {
  if (matrix.row_count == 0) return true;
  if (length / matrix.row_count < matrix.dimensions) return false;
  return kit::visit_sampled_rows(matrix.row_count, matrix.dimensions, [&](size_t row, size_t elements) {
    return std::memcmp(matrix.rows + row * matrix.stride, values + row * matrix.dimensions, elements * sizeof(float)) == 0;
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
    is_changing_ = matrix.version != nullptr;
    elements_.reset();
    if (is_changing_) return true;
    return kit::visit_sampled_rows(matrix.row_count, matrix.dimensions, [&](size_t row, size_t elements) {
      for (size_t i = 0; i < elements; ++i) {
        if (!elements_.push(matrix.rows[row * matrix.stride + i])) return false;
      }
      return true;
    });
  }

  bool matches(const float* values, size_t length, size_t row_count, size_t dimensions) const noexcept {
    if (row_count == 0) return true;
    if (length / row_count < dimensions) return false;
    if (values == rows_) return true;
    if (is_changing_) return false;
    const float* sample = elements_.begin();
    return kit::visit_sampled_rows(row_count, dimensions, [&](size_t row, size_t elements) {
      if (sample + elements > elements_.end()) return false;
      const bool is_same = std::memcmp(sample, values + row * dimensions, elements * sizeof(float)) == 0;
      sample += elements;
      return is_same;
    });
  }

 private:
  const float* rows_ = nullptr;  // compared alone: the memory may be gone
  bool is_changing_ = false;
  kit::OwnedArray<float> elements_;
};

}  // namespace gearshift::binding
