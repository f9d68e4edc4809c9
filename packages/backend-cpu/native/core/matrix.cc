#include "core/matrix.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/inverse_norm.h"

namespace gearshift {
namespace {

constexpr size_t kFloatsPerLine = kAlignment / sizeof(float);
/** Rows per batch of norms, computed while the copy is still in the first-level cache. */
constexpr size_t kFillRows = 8;

}  // namespace

std::unique_ptr<ResidentMatrix> ResidentMatrix::allocate(size_t rows, size_t dimensions) noexcept {
  if (dimensions > SIZE_MAX - kFloatsPerLine) return nullptr;
  const size_t stride = (dimensions + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
  size_t row_bytes = 0;
  size_t bytes = 0;
  size_t norm_bytes = 0;
  if (!multiply(stride, sizeof(float), &row_bytes) || !multiply(rows, row_bytes, &bytes) ||
      !multiply(rows, sizeof(float), &norm_bytes))
    return nullptr;
  std::unique_ptr<ResidentMatrix> matrix(new (std::nothrow) ResidentMatrix);
  if (matrix == nullptr || !matrix->rows_.allocate(bytes) || !matrix->inverse_norms_.allocate(norm_bytes)) return nullptr;
  matrix->stride_ = stride;
  matrix->row_count_ = rows;
  matrix->dimensions_ = dimensions;
  return matrix;
}

void ResidentMatrix::fill(const KernelTable& kernels, const float* values, size_t start, size_t end) noexcept {
  float* const copy = rows_.as<float>();
  float* const inverse_norms = inverse_norms_.as<float>();
  float dots[kFillRows];
  float squared_norms[kFillRows];
  for (size_t first = start; first < end; first += kFillRows) {
    const size_t count = std::min(kFillRows, end - first);
    for (size_t row = first; row < first + count; ++row) {
      float* const target = copy + row * stride_;
      std::memcpy(target, values + row * dimensions_, dimensions_ * sizeof(float));
      std::memset(target + dimensions_, 0, (stride_ - dimensions_) * sizeof(float));
    }
    // By the kernel that works norms out during a scan, so that both ways give a row the same bits.
    const float* const rows = copy + first * stride_;
    kernels.dot_and_squared_norm_f32(rows, rows, stride_, count, dimensions_, false, dots, squared_norms);
    for (size_t i = 0; i < count; ++i)
      inverse_norms[first + i] = inverse_norm_of(rows + i * stride_, dimensions_, squared_norms[i]);
  }
}

}  // namespace gearshift
