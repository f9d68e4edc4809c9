#include "core/row_codes.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "core/query_codes.h"
#include "kernels/element_value.h"

namespace gearshift {
namespace {

constexpr size_t kGroup = 64;  // bytes of a plane for 2 * kGroup dimensions
constexpr double kUnit = 0x1p-24;  // relative error of a rounding to float32
/** Lengths of the rows at length 1 less their mean, and some room: both have at most length 1. */
constexpr double kMostLength = 2.01;
/** In standard deviations: what few elements exceed would cost all others a bit. */
constexpr float kMostDeviations = 2.9f;
constexpr size_t kSampledRows = 20'000;

/** Roundings of a term of a sum of so many, one after the other: sixteen sums side by side, then their sum. */
size_t steps_of_sum(size_t count) noexcept { return count / kCodeGroup + kCodeGroup + 2; }

template <typename Element>
void widen(const void* row, float scale, size_t count, float* out) noexcept {
  const auto* const elements = static_cast<const Element*>(row);
  for (size_t i = 0; i < count; ++i) {
    const float value = value_of(elements[i]);
    out[i] = std::is_same<Element, int8_t>::value ? value * scale : value;
  }
}

void read_elements(const MatrixView& matrix, const void* from, float* out) noexcept {
  switch (matrix.format.type) {
    case ElementType::float16:
      return widen<Float16>(from, 1, matrix.dimensions, out);
    case ElementType::bfloat16:
      return widen<Bfloat16>(from, 1, matrix.dimensions, out);
    case ElementType::int8:
      return widen<int8_t>(from, matrix.format.scale, matrix.dimensions, out);
    default:
      return widen<float>(from, 1, matrix.dimensions, out);
  }
}

/** What the code of a row says of the row. */
CodeFit fit_of(const CodeFitSums& sums, size_t count) noexcept {
  const double length = std::sqrt(static_cast<double>(sums.rest));
  const double residual = length * (1 + static_cast<double>(steps_of_sum(count)) * kUnit) + 16 * kMostLength * kUnit;
  return {sums.scale, static_cast<float>(residual * (1 + 2 * kUnit)), 1 / sums.square};
}

/** As good as any rounding here; std::nearbyint() is a call. */
double nearest(double value) noexcept { return static_cast<int>(value + (value < 0 ? -0.5 : 0.5)); }

bool is_covered(float inverse_norm) noexcept { return inverse_norm > 0 && std::isfinite(inverse_norm); }

}  // namespace

size_t SavedCodes::bytes_of_part(size_t part, size_t dimensions) noexcept {
  switch (part) {
    case 0:
    case 1:
      return RowCodes::padded_dimensions(dimensions) / 2;
    case 5:
      return sizeof(CodeFit);
    default:
      return sizeof(float);
  }
}

bool RowCodes::prepare(size_t dimensions) noexcept {
  static_assert(kPaddedTo == 2 * kGroup, "a whole number of groups");
  static std::atomic<int64_t> builds{0};
  build_ = builds.fetch_add(1, std::memory_order_relaxed) + 1;
  dimensions_ = dimensions;
  padded_ = padded_dimensions(dimensions);
  if (!mean_.allocate(padded_ * sizeof(float)) || !rotation_.prepare(padded_)) return false;
  std::memset(mean_.as<float>(), 0, padded_ * sizeof(float));
  return true;
}

std::unique_ptr<RowCodes> RowCodes::allocate(size_t rows, size_t dimensions) noexcept {
  if (dimensions > kMostCodedDimensions) return nullptr;
  std::unique_ptr<RowCodes> codes(new (std::nothrow) RowCodes);
  if (codes == nullptr || !codes->prepare(dimensions)) return nullptr;
  // With room to grow, which takes no memory until rows are there.
  const size_t roomy = rows <= SIZE_MAX / 2 ? 2 * rows : rows;
  if (!codes->reserve(roomy) && !codes->reserve(rows)) return nullptr;
  codes->row_count_ = rows;
  return codes;
}

namespace {

/** The beginning of a description; the mean follows. */
struct Description {
  uint32_t layout;
  uint32_t dimensions;
  uint32_t rotation;  // CodeRotation::checksum()
  uint32_t norms;
};

/** Of what codes are and how norms are worked out, at each level. A change of either needs another number. */
constexpr uint32_t kLayout = 1;

Description read_description(const uint8_t* bytes) noexcept {
  Description description;
  std::memcpy(&description, bytes, sizeof description);
  return description;
}

}  // namespace

size_t RowCodes::description_bytes(size_t dimensions) noexcept { return sizeof(Description) + dimensions * sizeof(float); }

void RowCodes::describe(uint32_t norms, uint8_t* out) const noexcept {
  const Description description{kLayout, static_cast<uint32_t>(dimensions_), rotation_.checksum(), norms};
  std::memcpy(out, &description, sizeof description);
  std::memcpy(out + sizeof description, mean_.as<float>(), dimensions_ * sizeof(float));
}

uint32_t RowCodes::norms_of(const SavedCodes& saved) noexcept { return read_description(saved.description).norms; }

std::unique_ptr<RowCodes> RowCodes::over(const SavedCodes& saved, size_t dimensions) noexcept {
  if (dimensions > kMostCodedDimensions || saved.description_bytes != description_bytes(dimensions)) return nullptr;
  const Description description = read_description(saved.description);
  if (description.layout != kLayout || description.dimensions != dimensions) return nullptr;
  std::unique_ptr<RowCodes> codes(new (std::nothrow) RowCodes);
  if (codes == nullptr || !codes->prepare(dimensions) || codes->rotation_.checksum() != description.rotation) return nullptr;
  std::memcpy(codes->mean_.as<float>(), saved.description + sizeof description, dimensions * sizeof(float));
  codes->high_ = saved.parts[0];
  codes->low_ = saved.parts[1];
  codes->scales_ = reinterpret_cast<float*>(saved.parts[2]);
  codes->residuals_ = reinterpret_cast<float*>(saved.parts[3]);
  codes->inverse_squares_ = reinterpret_cast<float*>(saved.parts[4]);
  codes->fine_fits_ = reinterpret_cast<CodeFit*>(saved.parts[5]);
  codes->row_count_ = saved.row_count;
  codes->capacity_ = saved.capacity;
  codes->is_saved_ = codes->is_from_file_ = true;
  return codes;
}

bool RowCodes::resize(size_t rows) noexcept {
  if (centres_ != nullptr && !centres_->resize(rows)) {
    has_centres_.store(false, std::memory_order_relaxed);
    centres_ = nullptr;
  }
  if (rows > capacity_) {
    // A matrix that grows row by row copies each code a few times.
    const size_t roomy = rows <= SIZE_MAX / 2 ? 2 * rows : rows;
    if (!reserve(roomy) && !reserve(rows)) return false;
  }
  row_count_ = rows;
  return true;
}

bool RowCodes::reserve(size_t rows) noexcept {
  size_t plane = 0;
  if (!multiply(rows, row_bytes(), &plane) || plane > SIZE_MAX - kPadding || rows > SIZE_MAX / sizeof(CodeFit)) return false;
  AlignedMemory high, low, fits, fine_fits;
  if (!high.allocate(plane + kPadding) || !low.allocate(plane + kPadding) || !fits.allocate(rows * sizeof(CodeFit)) ||
      !fine_fits.allocate(rows * sizeof(CodeFit))) {
    return false;
  }
  auto* const scales = fits.as<float>();
  auto* const residuals = scales + rows;
  auto* const inverse_squares = residuals + rows;
  if (row_count_ > 0) {
    std::memcpy(high.as<uint8_t>(), high_, row_count_ * row_bytes());
    std::memcpy(low.as<uint8_t>(), low_, row_count_ * row_bytes());
    std::memcpy(scales, scales_, row_count_ * sizeof(float));
    std::memcpy(residuals, residuals_, row_count_ * sizeof(float));
    std::memcpy(inverse_squares, inverse_squares_, row_count_ * sizeof(float));
    std::memcpy(fine_fits.as<CodeFit>(), fine_fits_, row_count_ * sizeof(CodeFit));
  }
  high_ = high.as<uint8_t>();
  low_ = low.as<uint8_t>();
  scales_ = scales;
  residuals_ = residuals;
  inverse_squares_ = inverse_squares;
  fine_fits_ = fine_fits.as<CodeFit>();
  AlignedMemory* const all[] = {&high, &low, &fits, &fine_fits};
  for (size_t i = 0; i < 4; ++i) memory_[i] = std::move(*all[i]);
  capacity_ = rows;
  is_saved_ = false;
  return true;
}

void RowCodes::copy_part(size_t part, size_t start, size_t count, uint8_t* out) const noexcept {
  const void* const parts[] = {high_, low_, scales_, residuals_, inverse_squares_, fine_fits_};
  const size_t bytes = SavedCodes::bytes_of_part(part, dimensions_);
  // A row that is encoded meanwhile is one that the caller encodes anew.
  const kit::RacingAccess racing;
  std::memcpy(out, static_cast<const uint8_t*>(parts[part]) + start * bytes, count * bytes);
}

void RowCodes::encode_part(const KernelTable& kernels, size_t part, const MatrixView& matrix, const void* elements,
                           float inverse_norm, uint8_t* out) const noexcept {
  uint8_t high[kMostCodedDimensions / 2];
  uint8_t low[kMostCodedDimensions / 2];
  CodeFit fit;
  CodeFit fine_fit;
  encode_row(kernels, matrix, elements, inverse_norm, {high, low, &fit.scale, &fit.residual, &fit.inverse_square, &fine_fit});
  const void* const parts[] = {high, low, &fit.scale, &fit.residual, &fit.inverse_square, &fine_fit};
  std::memcpy(out, parts[part], SavedCodes::bytes_of_part(part, dimensions_));
}

bool RowCodes::choose_mean(const MatrixView& matrix) noexcept {
  AlignedMemory memory;
  if (!memory.allocate(dimensions_ * sizeof(double))) return false;
  auto* const sums = memory.as<double>();
  std::fill(sums, sums + dimensions_, 0.0);
  const size_t step = std::max<size_t>(1, matrix.row_count / kSampledRows);
  size_t count = 0;
  float values[kMostCodedDimensions];
  for (size_t row = 0; row < matrix.row_count; row += step) {
    const float inverse_norm = matrix.inverse_norms[row];
    if (!is_covered(inverse_norm)) continue;
    {
      // A row that changes meanwhile makes the codes worse, not wrong.
      const kit::RacingAccess racing;
      read_elements(matrix, matrix.row(row), values);
    }
    for (size_t i = 0; i < dimensions_; ++i) sums[i] += values[i] * inverse_norm;
    ++count;
  }
  auto* const mean = mean_.as<float>();
  double square = 0;
  for (size_t i = 0; i < dimensions_; ++i) {
    mean[i] = count == 0 ? 0 : static_cast<float>(sums[i] / static_cast<double>(count));
    square += static_cast<double>(mean[i]) * mean[i];
  }
  // Longer than any mean of rows at length 1: rows have changed while they were read.
  if (!(square <= 1.001)) std::memset(mean, 0, dimensions_ * sizeof(float));
  return true;
}

void RowCodes::encode(const KernelTable& kernels, const MatrixView& matrix, size_t start, size_t end) noexcept {
  has_changed_.store(true, std::memory_order_relaxed);
  for (size_t number = start; number < end; ++number) {
    const float inverse_norm = matrix.inverse_norms[number];
    encode_row(kernels, matrix, matrix.row(number), inverse_norm, row(number));
    if (matrix.version == nullptr || matrix.version->is_intact()) continue;
    const void* const replaced = matrix.version->replaced_row(number);
    if (replaced != nullptr) encode_row(kernels, matrix, replaced, inverse_norm, row(number));
  }
}

void RowCodes::encode_row(const KernelTable& kernels, const MatrixView& matrix, const void* elements, float inverse_norm,
                          const Row& row) const noexcept {
  uint8_t* const high = row.high;
  uint8_t* const low = row.low;
  if (!is_covered(inverse_norm)) {
    std::memset(high, 0, row_bytes());
    std::memset(low, 0, row_bytes());
    *row.scale = *row.inverse_square = 0;
    *row.residual = std::numeric_limits<float>::infinity();
    *row.fine_fit = {0, std::numeric_limits<float>::infinity(), 0};
    return;
  }
  alignas(kAlignment) float values[kMostCodedDimensions];
  alignas(kAlignment) float scratch[kMostCodedDimensions];
  const auto* const mean = mean_.as<float>();
  {
    const kit::RacingAccess racing;
    read_elements(matrix, elements, values);
  }
  for (size_t i = 0; i < dimensions_; ++i) values[i] = values[i] * inverse_norm - mean[i];
  std::fill(values + dimensions_, values + padded_, 0.0f);
  rotation_.apply(kernels, values, scratch);
  uint8_t code[kMostCodedDimensions];
  CodeFitSums coarse_sums, fine_sums;
  kernels.encoding.code(values, padded_, kMostDeviations, code, &coarse_sums, &fine_sums);
  const CodeFit coarse = fit_of(coarse_sums, padded_);
  *row.scale = coarse.scale;
  *row.residual = coarse.residual;
  *row.inverse_square = coarse.inverse_square;
  *row.fine_fit = fit_of(fine_sums, padded_);
  split(code, row_bytes(), high, low);
}

void RowCodes::split(const uint8_t* code, size_t bytes, uint8_t* high, uint8_t* low) noexcept {
  for (size_t group = 0; group < bytes; group += kGroup) {
    for (size_t i = group; i < group + kGroup; ++i) {
      const unsigned first = code[group + i];
      const unsigned second = code[group + i + kGroup];
      high[i] = static_cast<uint8_t>(first >> 4 | (second & 0xf0u));
      low[i] = static_cast<uint8_t>((first & 15u) | (second & 15u) << 4);
    }
  }
}

void RowCodes::join(const uint8_t* high, const uint8_t* low, size_t bytes, uint8_t* code) noexcept {
  for (size_t group = 0; group < bytes; group += kGroup) {
    for (size_t i = group; i < group + kGroup; ++i) {
      code[group + i] = static_cast<uint8_t>((high[i] & 15u) << 4 | (low[i] & 15u));
      code[group + i + kGroup] = static_cast<uint8_t>((high[i] & 0xf0u) | low[i] >> 4);
    }
  }
}

bool RowCodes::find_centres(const KernelTable& kernels, CentreUse use) noexcept {
  if (row_count_ == 0 || has_centres_.load(std::memory_order_relaxed)) return false;
  if (centres_ == nullptr) {
    if (row_count_ < RowCentres::kLeastRows && use == CentreUse::where_they_pay) return false;
    centres_ = RowCentres::allocate(row_count_, padded_, use);
    return centres_ != nullptr;
  }
  if (centres_->advance(kernels, *this)) return true;
  if (centres_->are_ready()) {
    has_centres_.store(true, std::memory_order_release);
  } else {
    centres_ = nullptr;
    rows_without_centres_ = row_count_;
  }
  return false;
}

void RowCodes::assign_centres(const KernelTable& kernels, size_t start, size_t end) noexcept {
  if (centres_ != nullptr) centres_->assign_again(kernels, *this, start, end);
}

double RowCodes::slack(double query_error) const noexcept {
  // Of the row at length 1: half of the roundings of its squared norm, a root, a division, and the product.
  const auto of_norm = static_cast<double>(dimensions_ / 16 + 8);
  // Of what is left of it without the mean: the difference, the rotation, the scale of the code, and the sum of the bound.
  const auto of_rest = static_cast<double>(1 + rotation_.steps() + steps_of_sum(padded_) + 2 + 36);
  return 1.01 * (of_norm + kMostLength * of_rest) * kUnit + kMostLength * query_error;
}

bool RowCodes::prepare(const PreparedQuery& query, CodeQuery* code) const noexcept {
  if (!is_covered(query.inverse_norm())) return false;
  constexpr double kHighest = 127;
  double values[kMostCodedDimensions];
  double scratch[kMostCodedDimensions];
  const float* const given = query.values();
  const auto* const mean = mean_.as<float>();
  double square = 0;
  for (size_t i = 0; i < dimensions_; ++i) square += static_cast<double>(given[i]) * given[i];
  code->norm = std::sqrt(square);
  double base = 0;
  for (size_t i = 0; i < dimensions_; ++i) {
    values[i] = given[i] / code->norm;
    base += values[i] * mean[i];
  }
  std::fill(values + dimensions_, values + padded_, 0.0);
  rotation_.apply(values, scratch);

  double most = 0;
  for (size_t i = 0; i < padded_; ++i) most = std::max(most, std::fabs(values[i]));
  const double unit = most / kHighest;
  double coded_square = 0;
  double error_square = 0;
  int64_t sum = 0;
  for (size_t i = 0; i < padded_; ++i) {
    const double steps = values[i] / unit;
    const double high = nearest(steps);
    const double low = nearest((steps - high) * kLowPartsOfCode);
    const double coded = unit * (high + low / kLowPartsOfCode);
    code->high[i] = static_cast<int8_t>(high);
    code->low[i] = static_cast<int8_t>(low);
    coded_square += coded * coded;
    error_square += (values[i] - coded) * (values[i] - coded);
    sum += kLowPartsOfCode * static_cast<int64_t>(high) + static_cast<int64_t>(low);
  }
  code->has_centres = false;
  code->sum = static_cast<double>(sum);
  const double of_double = 1e-12;  // for every rounding in double precision
  code->unit = unit / kLowPartsOfCode;
  code->terms = {static_cast<int32_t>(15 * sum), static_cast<float>(code->unit / 2), static_cast<float>(base),
                 static_cast<float>(coded_square * (1 + 24 * kUnit)),
                 static_cast<float>(slack(std::sqrt(error_square) + of_double) * (1 + 2 * kUnit))};
  return true;
}

void RowCodes::bound(const KernelTable& kernels, const CodeQuery& query, size_t start, size_t count, int32_t* sums,
                     float* estimates, float* bounds) const noexcept {
  const uint8_t* const plane = high_ + start * row_bytes();
  kernels.codes.sums(query.high, query.low, plane, count, row_bytes(), sums);
  kernels.codes.bounds(query.terms, sums, scales_ + start, residuals_ + start, inverse_squares_ + start, count, estimates,
                       bounds);
}

void RowCodes::bound_chosen(const KernelTable& kernels, const CodeQuery& query, const uint32_t* rows, size_t count,
                            int32_t* sums, float* estimates, float* bounds) const noexcept {
  float of_scale[kBlock], of_residual[kBlock], of_square[kBlock];
  for (size_t i = 0; i < count; ++i) {
    of_scale[i] = scales_[rows[i]];
    of_residual[i] = residuals_[rows[i]];
    of_square[i] = inverse_squares_[rows[i]];
  }
  kernels.codes.sums_chosen(query.high, query.low, high_, rows, count, row_bytes(), sums);
  kernels.codes.bounds(query.terms, sums, of_scale, of_residual, of_square, count, estimates, bounds);
}

void RowCodes::sum_low(const KernelTable& kernels, const CodeQuery& query, const uint32_t* rows, size_t count,
                       int32_t* sums) const noexcept {
  kernels.codes.sums_chosen(query.high, query.low, low_, rows, count, row_bytes(), sums);
}

void RowCodes::sum_low(const KernelTable& kernels, const CodeQuery& query, size_t start, size_t count,
                       int32_t* sums) const noexcept {
  kernels.codes.sums(query.high, query.low, low_ + start * row_bytes(), count, row_bytes(), sums);
}

RowCodes::Bound RowCodes::bound_of(const CodeQuery& query, size_t row, int32_t high_sum, int32_t low_sum) const noexcept {
  const CodeFit fit = fine_fits_[row];
  const double product = (16.0 * high_sum + low_sum - 127.5 * query.sum) * query.unit;
  const double along = query.terms.base + fit.scale * product;
  const double rest = query.terms.squared_query - product * product * fit.inverse_square;
  const double bound = along + fit.residual * std::sqrt(std::max(rest, 0.0)) + query.terms.slack;
  return {static_cast<float>(along), static_cast<float>(bound)};
}

void RowCodes::bound_whole(const KernelTable& kernels, const CodeQuery& query, const uint32_t* rows, size_t count,
                           float* estimates, float* bounds) const noexcept {
  int32_t high_sums[kBlock];
  int32_t low_sums[kBlock];
  kernels.codes.sums_chosen(query.high, query.low, high_, rows, count, row_bytes(), high_sums);
  kernels.codes.sums_chosen(query.high, query.low, low_, rows, count, row_bytes(), low_sums);
  for (size_t i = 0; i < count; ++i) {
    const Bound bounded = bound_of(query, rows[i], high_sums[i], low_sums[i]);
    estimates[i] = bounded.estimate;
    bounds[i] = bounded.bound;
  }
}

void RowCodes::read_whole_fits(size_t start, size_t count, WholeFits* fits) const noexcept {
  const CodeFit* const from = fine_fits_ + start;
  for (size_t i = 0; i < count; ++i) {
    fits->scales[i] = from[i].scale;
    fits->residuals[i] = from[i].residual;
    // |scale * code| + residual, rounded up. 1 / |code|^2 is 0 for a row without a code, which has a residual that is infinite.
    const float square = from[i].scale * from[i].scale / std::max(from[i].inverse_square, 0x1p-100f);
    fits->lengths[i] = (std::sqrt(square) + from[i].residual) * (1 + 0x1p-20f);
  }
}

void RowCodes::sum_whole(const KernelTable& kernels, const QueryCodes& queries, size_t start, size_t count,
                         int32_t* sums) const noexcept {
  const size_t at = start * row_bytes();
  if (queries.laid_out() != nullptr) {
    kernels.codes.laid_out_sums(queries.laid_out(), queries.count(), high_ + at, low_ + at, count, row_bytes(), sums, kBlock);
    return;
  }
  kernels.codes.whole_sums(queries.parts(), queries.sums(), queries.count(), high_ + at, low_ + at, count, row_bytes(), sums,
                           kBlock);
}

size_t RowCodes::bytes() const noexcept {
  const size_t of_centres = centres() == nullptr ? 0 : centres_->bytes();
  return row_count_ * (2 * row_bytes() + 2 * sizeof(CodeFit)) + mean_.bytes() + of_centres;
}

CodeLimit::CodeLimit(Metric metric, const CodeQuery& query, size_t dimensions) noexcept
    : metric_(metric), norm_(query.norm), share_(static_cast<double>(3 * dimensions / 16 + 64) * kUnit) {}

CodeLimitTerms CodeLimit::terms(float score) const noexcept {
  if (metric_ == Metric::dot) return {score / norm_, 0, share_};
  const double reached = static_cast<double>(score) * score * (1 + share_);
  return {(norm_ * norm_ * (1 - share_) - reached) / (2 * norm_), (1 - share_) / (2 * norm_), share_};
}

float CodeLimit::floor(double cosine, const float* inverse_norm) const noexcept {
  // With room for the roundings of an estimate and of its bound, and of the result.
  constexpr double kRoundings = 0x1p-20;
  const double least = cosine - (share_ + kRoundings) * (1 + std::fabs(cosine));
  if (metric_ == Metric::cosine) return static_cast<float>(least);
  const double norm = 1 / static_cast<double>(*inverse_norm);
  if (metric_ == Metric::dot) return static_cast<float>(norm_ * norm * least);
  const double square = (norm_ * norm_ + norm * norm) * (1 + share_) - 2 * norm_ * norm * least;
  return static_cast<float>(std::sqrt(std::max(square, 0.0) * (1 + share_)));
}

}  // namespace gearshift
