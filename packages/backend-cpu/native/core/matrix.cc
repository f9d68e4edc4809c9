#include "core/matrix.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/inverse_norm.h"

namespace gearshift {
namespace {

constexpr size_t kFloatsPerLine = kAlignment / sizeof(float);
/** Rows per batch of norms, computed while the copy is still in the first-level cache. */
constexpr size_t kFillRows = 8;
/** Copies up to this size are scanned from the second-level cache, where rows that begin within a line cost up to 41 %. */
constexpr size_t kPaddedBytes = 1u << 20;
/** Rows of more than one line and less than this have little but a tail: without one, they take 15 to 60 % less time wherever they are. */
constexpr size_t kShortRow = 2 * kFloatsPerLine;

/**
 * Elements from one row to the next. From memory, padding costs as much as it adds to the bytes: nothing or up to 15 % at 100
 * dimensions, 60 % at 8.
 */
bool stride_of(size_t rows, size_t dimensions, size_t* stride) noexcept {
  if (dimensions > SIZE_MAX / sizeof(float) - kFloatsPerLine) return false;
  const size_t padded = (dimensions + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
  size_t bytes = 0;
  const bool is_small = multiply(rows, padded * sizeof(float), &bytes) && bytes <= kPaddedBytes;
  const bool is_short = dimensions > kFloatsPerLine && dimensions < kShortRow;
  *stride = is_small || is_short ? padded : dimensions;
  return true;
}

}  // namespace

std::unique_ptr<ResidentMatrix> ResidentMatrix::allocate(size_t rows, size_t dimensions, Rows place) noexcept {
  size_t stride = 0;
  size_t row_bytes = 0;
  size_t bytes = 0;
  size_t norm_bytes = 0;
  if (!stride_of(rows, dimensions, &stride) || !multiply(stride, sizeof(float), &row_bytes) ||
      !multiply(rows, row_bytes, &bytes) || !multiply(rows, sizeof(float), &norm_bytes))
    return nullptr;
  std::unique_ptr<ResidentMatrix> matrix(new (std::nothrow) ResidentMatrix);
  if (matrix == nullptr) return nullptr;
  matrix->is_in_place_ = place == Rows::in_place;
  if (!matrix->is_in_place_ && !matrix->rows_.allocate(bytes)) return nullptr;
  if (!matrix->inverse_norms_.allocate(norm_bytes)) return nullptr;
  matrix->stride_ = stride;
  matrix->row_count_ = rows;
  matrix->dimensions_ = dimensions;
  return matrix;
}

void ResidentMatrix::copy_rows(const float* values, size_t start, size_t end) noexcept {
  float* const copy = rows_.as<float>();
  if (stride_ == dimensions_) {
    std::memcpy(copy + start * stride_, values + start * dimensions_, (end - start) * dimensions_ * sizeof(float));
    return;
  }
  for (size_t row = start; row < end; ++row) {
    float* const target = copy + row * stride_;
    std::memcpy(target, values + row * dimensions_, dimensions_ * sizeof(float));
    std::memset(target + dimensions_, 0, (stride_ - dimensions_) * sizeof(float));
  }
}

void ResidentMatrix::fill(const KernelTable& kernels, const float* values, size_t start, size_t end,
                          const kit::StoredVersion* version) noexcept {
  const MatrixView source = is_in_place_ ? view_of_rows(values, version) : view();
  for (size_t first = start; first < end; first += kFillRows) {
    const size_t count = std::min(kFillRows, end - first);
    if (!is_in_place_) copy_rows(values, first, first + count);
    const float* const rows = source.rows + first * source.stride;
    if (version == nullptr) {
      inverse_norms_of(kernels, rows, source.stride, count, dimensions_, norms() + first);
      continue;
    }
    {
      const kit::RacingAccess racing;
      inverse_norms_of(kernels, rows, source.stride, count, dimensions_, norms() + first);
    }
    if (version->is_intact()) continue;
    for (size_t row = first; row < first + count; ++row) {
      const auto* const replaced = static_cast<const float*>(version->replaced_row(row));
      if (replaced != nullptr) inverse_norms_of(kernels, replaced, dimensions_, 1, dimensions_, norms() + row);
    }
  }
}

bool ResidentMatrix::resize(size_t rows) noexcept {
  size_t needed_bytes = 0;
  if (!multiply(rows, sizeof(float), &needed_bytes)) return false;
  if (needed_bytes > inverse_norms_.bytes()) {
    // With room for half as many again, so that a matrix that grows row by row copies each norm a few times.
    AlignedMemory larger;
    const size_t roomy_bytes = needed_bytes <= SIZE_MAX / 2 ? needed_bytes + needed_bytes / 8 * 4 : needed_bytes;
    if (!larger.allocate(roomy_bytes) && !larger.allocate(needed_bytes)) return false;
    std::memcpy(larger.as<float>(), norms(), row_count_ * sizeof(float));
    inverse_norms_ = std::move(larger);
  }
  row_count_ = rows;
  return true;
}

void ResidentMatrix::take_norms(const ResidentMatrix& earlier) noexcept {
  const size_t rows = std::min(row_count_, earlier.row_count_);
  if (rows > 0) std::memcpy(norms(), earlier.inverse_norms_.as<float>(), rows * sizeof(float));
}

}  // namespace gearshift
