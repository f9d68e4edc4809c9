#include "core/matrix.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/inverse_norm.h"
#include "core/row_codes.h"

namespace gearshift {
namespace {

/** The queries are padded to whole lines as well. */
constexpr size_t kPadding = kAlignment / sizeof(float);
/** Rows per batch of norms, computed while the copy is still in the first-level cache. */
constexpr size_t kFillRows = 8;
/** Copies up to this size are scanned from the second-level cache, where loads that cross lines cost up to 41 %. */
constexpr size_t kPaddedBytes = 1u << 20;
/** Rows between these have little but a tail: without one, they take 15 to 60 % less time wherever they are. */
constexpr size_t kShortRow = 2 * kPadding;

/**
 * Elements from one row to the next. From memory, padding costs as much as it adds to the bytes: nothing or up to 15 % at 100
 * dimensions, 60 % at 8.
 */
bool stride_of(size_t rows, size_t dimensions, size_t bytes_per_element, size_t* stride) noexcept {
  if (dimensions > SIZE_MAX / sizeof(float) - kPadding) return false;
  const size_t padded = (dimensions + kPadding - 1) / kPadding * kPadding;
  size_t bytes = 0;
  const bool is_small = multiply(rows, padded * bytes_per_element, &bytes) && bytes <= kPaddedBytes;
  const bool is_short = dimensions > kPadding && dimensions < kShortRow;
  *stride = is_small || is_short ? padded : dimensions;
  return true;
}

}  // namespace

ResidentMatrix::ResidentMatrix() noexcept = default;
ResidentMatrix::~ResidentMatrix() = default;

std::unique_ptr<ResidentMatrix> ResidentMatrix::allocate(size_t rows, size_t dimensions, Rows place,
                                                         ElementFormat format) noexcept {
  size_t stride = 0;
  size_t row_bytes = 0;
  size_t bytes = 0;
  size_t norm_bytes = 0;
  if (!stride_of(rows, dimensions, format.bytes(), &stride) || !multiply(stride, format.bytes(), &row_bytes) ||
      !multiply(rows, row_bytes, &bytes) || !multiply(rows, sizeof(float), &norm_bytes))
    return nullptr;
  std::unique_ptr<ResidentMatrix> matrix(new (std::nothrow) ResidentMatrix);
  if (matrix == nullptr) return nullptr;
  matrix->is_in_place_ = place == Rows::in_place;
  if (!matrix->is_in_place_ && !matrix->rows_.allocate(bytes)) return nullptr;
  if (!matrix->inverse_norms_.allocate(norm_bytes)) return nullptr;
  matrix->format_ = format;
  matrix->stride_ = stride;
  matrix->row_count_ = rows;
  matrix->dimensions_ = dimensions;
  return matrix;
}

void ResidentMatrix::copy_rows(const void* values, size_t start, size_t end) noexcept {
  const size_t row_bytes = dimensions_ * format_.bytes();
  const size_t stride_bytes = stride_ * format_.bytes();
  const auto* const source = static_cast<const uint8_t*>(values);
  auto* const copy = rows_.as<uint8_t>();
  if (stride_bytes == row_bytes) {
    std::memcpy(copy + start * row_bytes, source + start * row_bytes, (end - start) * row_bytes);
    return;
  }
  for (size_t row = start; row < end; ++row) {
    uint8_t* const target = copy + row * stride_bytes;
    std::memcpy(target, source + row * row_bytes, row_bytes);
    std::memset(target + row_bytes, 0, stride_bytes - row_bytes);
  }
}

void ResidentMatrix::fill(const KernelTable& kernels, const void* values, size_t start, size_t end,
                          const kit::StoredVersion* version, bool keeps_codes) noexcept {
  const MatrixView source = is_in_place_ ? view_of_rows(values, version) : view();
  for (size_t first = start; first < end; first += kFillRows) {
    const size_t count = std::min(kFillRows, end - first);
    if (!is_in_place_) copy_rows(values, first, first + count);
    const void* const rows = source.row(first);
    if (version == nullptr) {
      inverse_norms_of(kernels, rows, format_, source.stride, count, dimensions_, norms() + first);
      if (!keeps_codes) encode_again(kernels, source, first, first + count);
      continue;
    }
    {
      const kit::RacingAccess racing;
      inverse_norms_of(kernels, rows, format_, source.stride, count, dimensions_, norms() + first);
    }
    if (!version->is_intact()) {
      for (size_t row = first; row < first + count; ++row) {
        const void* const replaced = version->replaced_row(row);
        if (replaced != nullptr) inverse_norms_of(kernels, replaced, format_, dimensions_, 1, dimensions_, norms() + row);
      }
    }
    if (!keeps_codes) encode_again(kernels, source, first, first + count);
  }
}

void ResidentMatrix::encode_again(const KernelTable& kernels, const MatrixView& source, size_t start, size_t end) noexcept {
  const size_t coded = std::min(end, coded_rows());
  if (start >= coded) return;
  codes_->encode(kernels, source, start, coded);
  if (const KernelTable* const vectors = vector_kernels()) codes_->assign_centres(*vectors, start, coded);
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
  // Without memory for more codes the matrix is searched without.
  if (codes_ != nullptr && !codes_->resize(rows)) drop_codes();
  // The added rows get theirs when they are filled, before anything is searched again.
  if (has_codes()) {
    coded_rows_.store(rows, std::memory_order_relaxed);
    if (vector_kernels() != nullptr && codes_->may_get_centres()) is_coded_.store(false, std::memory_order_release);
  }
  row_count_ = rows;
  return true;
}

bool ResidentMatrix::choose_codes(const MatrixView& matrix) noexcept {
  drop_codes();
  codes_ = RowCodes::allocate(row_count_, dimensions_);
  if (codes_ != nullptr && codes_->choose_mean(matrix)) return true;
  drop_codes();
  return false;
}

void ResidentMatrix::encode(const KernelTable& kernels, const MatrixView& matrix, size_t start, size_t end) noexcept {
  codes_->encode(kernels, matrix, start, end);
}

void ResidentMatrix::publish_codes(size_t rows) noexcept {
  coded_rows_.store(rows, std::memory_order_release);
  if (rows < row_count_) return;
  has_codes_.store(true, std::memory_order_release);
  if (row_count_ < RowCentres::kLeastRows) is_coded_.store(true, std::memory_order_release);
}

bool ResidentMatrix::find_centres() noexcept {
  const KernelTable* const kernels = vector_kernels();
  if (kernels != nullptr && codes_->find_centres(*kernels)) return true;
  is_coded_.store(true, std::memory_order_release);
  return false;
}

size_t ResidentMatrix::code_bytes() const noexcept { return has_codes() && !codes_->is_saved() ? codes_->bytes() : 0; }

size_t ResidentMatrix::saved_code_bytes() const noexcept { return has_codes() && codes_->is_saved() ? codes_->bytes() : 0; }

namespace {

/** How a level works out norms: those of another level may differ by a rounding. */
uint32_t norms_of(const KernelTable& kernels) noexcept {
  // FNV-1a.
  uint32_t hash = 2166136261u;
  for (const char* c = kernels.name; *c != '\0'; ++c) hash = (hash ^ static_cast<unsigned char>(*c)) * 16777619u;
  return hash;
}

}  // namespace

bool ResidentMatrix::take_saved(const KernelTable& kernels, const SavedCodes& saved, bool* has_norms) noexcept {
  if (!is_in_place_ || saved.row_count > row_count_) return false;
  auto codes = RowCodes::over(saved, dimensions_);
  // The rows behind those of the file get codes when they are filled.
  if (codes == nullptr || !codes->resize(row_count_)) return false;
  codes_ = std::move(codes);
  coded_rows_.store(row_count_, std::memory_order_relaxed);
  has_codes_.store(true, std::memory_order_release);
  // A file has no centres, and to look for them would be to read all of it.
  is_coded_.store(true, std::memory_order_release);
  *has_norms = RowCodes::norms_of(saved) == norms_of(kernels);
  if (*has_norms && saved.row_count > 0) {
    std::memcpy(norms(), saved.parts[SavedCodes::kNormsPart], saved.row_count * sizeof(float));
  }
  return true;
}

bool ResidentMatrix::has_saved_codes_unchanged() const noexcept {
  return codes_ != nullptr && codes_->is_saved() && !codes_->has_changed();
}

size_t ResidentMatrix::description_bytes() const noexcept { return RowCodes::description_bytes(dimensions_); }

void ResidentMatrix::describe_codes(const KernelTable& kernels, uint8_t* out) const noexcept {
  codes_->describe(norms_of(kernels), out);
}

int64_t ResidentMatrix::code_build() const noexcept { return has_codes() ? codes_->build() : 0; }

void ResidentMatrix::copy_codes(const KernelTable& kernels, const MatrixView& matrix, size_t part, size_t start, size_t count,
                                uint8_t* out) const noexcept {
  const bool is_norms = part == SavedCodes::kNormsPart;
  const size_t bytes = SavedCodes::bytes_of_part(part, dimensions_);
  if (is_norms) {
    const kit::RacingAccess racing;
    std::memcpy(out, inverse_norms_.as<float>() + start, count * bytes);
  } else {
    codes_->copy_part(part, start, count, out);
  }
  if (matrix.version == nullptr || matrix.version->is_intact()) return;
  for (size_t i = 0; i < count; ++i) {
    const void* const replaced = matrix.version->replaced_row(start + i);
    if (replaced == nullptr) continue;
    float inverse_norm;
    inverse_norms_of(kernels, replaced, format_, dimensions_, 1, dimensions_, &inverse_norm);
    if (is_norms) std::memcpy(out + i * bytes, &inverse_norm, bytes);
    else codes_->encode_part(kernels, part, matrix, replaced, inverse_norm, out + i * bytes);
  }
}

void ResidentMatrix::drop_codes() noexcept {
  is_coded_.store(false, std::memory_order_relaxed);
  has_codes_.store(false, std::memory_order_relaxed);
  coded_rows_.store(0, std::memory_order_relaxed);
  codes_ = nullptr;
}

size_t ResidentMatrix::bytes() const noexcept {
  return rows_.bytes() + inverse_norms_.bytes() + code_bytes();
}

void ResidentMatrix::take_norms(const ResidentMatrix& earlier) noexcept {
  const size_t rows = std::min(row_count_, earlier.row_count_);
  if (rows > 0) std::memcpy(norms(), earlier.inverse_norms_.as<float>(), rows * sizeof(float));
}

}  // namespace gearshift
