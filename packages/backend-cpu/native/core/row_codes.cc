#include "core/row_codes.h"

#include <algorithm>
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
constexpr size_t kSums = 16;
constexpr double kUnit = 0x1p-24;  // relative error of a rounding to float32
/** Lengths of the rows at length 1 less their mean, and some room: both have at most length 1. */
constexpr double kMostLength = 2.01;
/** In standard deviations: what few elements exceed would cost all others a bit. */
constexpr float kMostDeviations = 2.9f;
constexpr size_t kSampledRows = 20'000;

/** Sixteen sums side by side, so that few roundings follow each other, in the same order everywhere. */
struct Sums {
  float sum[kSums] = {};

  template <typename Term>
  void add(size_t count, const Term& term) noexcept {
    for (size_t i = 0; i < count; i += kSums)
      for (size_t lane = 0; lane < kSums; ++lane) sum[lane] += term(i + lane);
  }
  float total() const noexcept {
    float total = 0;
    for (const float lane : sum) total += lane;
    return total;
  }
  /** Roundings of a term, one after the other. */
  static size_t steps(size_t count) noexcept { return count / kSums + kSums + 2; }
};

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

/** What the code of a row, less `middle`, says of the row. */
template <int kShift>
CodeFit fit(const float* row, const uint8_t* code, size_t count) noexcept {
  constexpr float kMiddle = static_cast<float>((256 >> kShift) - 1) / 2;
  const auto step = [&](size_t i) noexcept { return static_cast<float>(code[i] >> kShift) - kMiddle; };
  Sums products;
  products.add(count, [&](size_t i) noexcept { return step(i) * row[i]; });
  static_assert(kMostCodedDimensions * 255 * 255 <= INT32_MAX, "the sum fits in 32 bits, which vectorise best");
  int32_t four_squares = 0;
  for (size_t i = 0; i < count; ++i) {
    const int doubled = 2 * (code[i] >> kShift) - ((256 >> kShift) - 1);
    four_squares += doubled * doubled;
  }
  const auto square = static_cast<float>(static_cast<double>(four_squares) / 4);
  const float scale = products.total() / square;
  Sums rests;
  rests.add(count, [&](size_t i) noexcept {
    const float rest = row[i] - scale * step(i);
    return rest * rest;
  });
  const double length = std::sqrt(static_cast<double>(rests.total()));
  const double residual = length * (1 + static_cast<double>(Sums::steps(count)) * kUnit) + 16 * kMostLength * kUnit;
  return {scale, static_cast<float>(residual * (1 + 2 * kUnit)), 1 / square};
}

/** As good as any rounding here; std::nearbyint() is a call. */
double nearest(double value) noexcept { return static_cast<int>(value + (value < 0 ? -0.5 : 0.5)); }

bool is_covered(float inverse_norm) noexcept { return inverse_norm > 0 && std::isfinite(inverse_norm); }

}  // namespace

std::unique_ptr<RowCodes> RowCodes::allocate(size_t rows, size_t dimensions) noexcept {
  if (dimensions > kMostCodedDimensions) return nullptr;
  std::unique_ptr<RowCodes> codes(new (std::nothrow) RowCodes);
  if (codes == nullptr) return nullptr;
  codes->dimensions_ = dimensions;
  static_assert(kPaddedTo == 2 * kGroup, "a whole number of groups");
  codes->padded_ = padded_dimensions(dimensions);
  // With room to grow, which takes no memory until rows are there.
  const size_t roomy = rows <= SIZE_MAX / 2 ? 2 * rows : rows;
  if (!codes->reserve(roomy) && !codes->reserve(rows)) return nullptr;
  if (!codes->mean_.allocate(codes->padded_ * sizeof(float)) || !codes->rotation_.prepare(codes->padded_)) return nullptr;
  std::memset(codes->mean_.as<float>(), 0, codes->padded_ * sizeof(float));
  codes->row_count_ = rows;
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
  if (row_count_ > 0) {
    std::memcpy(high.as<uint8_t>(), high_.as<uint8_t>(), row_count_ * row_bytes());
    std::memcpy(low.as<uint8_t>(), low_.as<uint8_t>(), row_count_ * row_bytes());
    for (size_t part = 0; part < 3; ++part)
      std::memcpy(fits.as<float>() + part * rows, fits_.as<float>() + part * capacity_, row_count_ * sizeof(float));
    std::memcpy(fine_fits.as<CodeFit>(), fine_fits_.as<CodeFit>(), row_count_ * sizeof(CodeFit));
  }
  high_ = std::move(high);
  low_ = std::move(low);
  fits_ = std::move(fits);
  fine_fits_ = std::move(fine_fits);
  capacity_ = rows;
  return true;
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

void RowCodes::encode(const MatrixView& matrix, size_t start, size_t end) noexcept {
  for (size_t row = start; row < end; ++row) {
    encode_row(matrix, row, matrix.row(row));
    if (matrix.version == nullptr || matrix.version->is_intact()) continue;
    const void* const replaced = matrix.version->replaced_row(row);
    if (replaced != nullptr) encode_row(matrix, row, replaced);
  }
}

void RowCodes::encode_row(const MatrixView& matrix, size_t row, const void* elements) noexcept {
  auto* const high = high_.as<uint8_t>() + row * row_bytes();
  auto* const low = low_.as<uint8_t>() + row * row_bytes();
  const float inverse_norm = matrix.inverse_norms[row];
  if (!is_covered(inverse_norm)) {
    std::memset(high, 0, row_bytes());
    std::memset(low, 0, row_bytes());
    scales()[row] = inverse_squares()[row] = 0;
    residuals()[row] = std::numeric_limits<float>::infinity();
    fine_fits_.as<CodeFit>()[row] = {0, std::numeric_limits<float>::infinity(), 0};
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
  rotation_.apply(values, scratch);

  Sums squares;
  squares.add(padded_, [&](size_t i) noexcept { return values[i] * values[i]; });
  float most[kSums] = {};
  for (size_t i = 0; i < padded_; i += kSums)
    for (size_t lane = 0; lane < kSums; ++lane) most[lane] = std::max(most[lane], std::fabs(values[i + lane]));
  const float deviation = std::sqrt(squares.total() / static_cast<float>(padded_));
  const float range = std::min(*std::max_element(most, most + kSums), kMostDeviations * deviation);
  const float steps = range > 0 ? 128 / range : 1;
  uint8_t code[kMostCodedDimensions];
  for (size_t i = 0; i < padded_; ++i) {
    // In this order NaN becomes 0: of a row that changes, which is encoded again, elements may be anything.
    const float step = std::min(255.0f, std::max(0.0f, values[i] * steps + 128.0f));
    code[i] = static_cast<uint8_t>(step);
  }

  const CodeFit coarse = fit<4>(values, code, padded_);
  scales()[row] = coarse.scale;
  residuals()[row] = coarse.residual;
  inverse_squares()[row] = coarse.inverse_square;
  fine_fits_.as<CodeFit>()[row] = fit<0>(values, code, padded_);
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
  if (centres_->are_ready()) has_centres_.store(true, std::memory_order_release);
  else centres_ = nullptr;
  return false;
}

void RowCodes::assign_centres(const KernelTable& kernels, size_t start, size_t end) noexcept {
  if (centres_ != nullptr) centres_->assign_again(kernels, *this, start, end);
}

double RowCodes::slack(double query_error) const noexcept {
  // Of the row at length 1: half of the roundings of its squared norm, a root, a division, and the product.
  const auto of_norm = static_cast<double>(dimensions_ / 16 + 8);
  // Of what is left of it without the mean: the difference, the rotation, the scale of the code, and the sum of the bound.
  const auto of_rest = static_cast<double>(1 + rotation_.steps() + Sums::steps(padded_) + 2 + 36);
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
  const auto* const plane = high_.as<uint8_t>() + start * row_bytes();
  kernels.codes.sums(query.high, query.low, plane, count, row_bytes(), sums);
  kernels.codes.bounds(query.terms, sums, scales() + start, residuals() + start, inverse_squares() + start, count,
                       estimates, bounds);
}

void RowCodes::bound_chosen(const KernelTable& kernels, const CodeQuery& query, const uint32_t* rows, size_t count,
                            int32_t* sums, float* estimates, float* bounds) const noexcept {
  float of_scale[kBlock], of_residual[kBlock], of_square[kBlock];
  for (size_t i = 0; i < count; ++i) {
    of_scale[i] = scales()[rows[i]];
    of_residual[i] = residuals()[rows[i]];
    of_square[i] = inverse_squares()[rows[i]];
  }
  kernels.codes.sums_chosen(query.high, query.low, high_.as<uint8_t>(), rows, count, row_bytes(), sums);
  kernels.codes.bounds(query.terms, sums, of_scale, of_residual, of_square, count, estimates, bounds);
}

void RowCodes::sum_low(const KernelTable& kernels, const CodeQuery& query, const uint32_t* rows, size_t count,
                       int32_t* sums) const noexcept {
  kernels.codes.sums_chosen(query.high, query.low, low_.as<uint8_t>(), rows, count, row_bytes(), sums);
}

void RowCodes::sum_low(const KernelTable& kernels, const CodeQuery& query, size_t start, size_t count,
                       int32_t* sums) const noexcept {
  kernels.codes.sums(query.high, query.low, low_.as<uint8_t>() + start * row_bytes(), count, row_bytes(), sums);
}

RowCodes::Bound RowCodes::bound_of(const CodeQuery& query, size_t row, int32_t high_sum, int32_t low_sum) const noexcept {
  const CodeFit fit = fine_fits_.as<CodeFit>()[row];
  const double product = (16.0 * high_sum + low_sum - 127.5 * query.sum) * query.unit;
  const double along = query.terms.base + fit.scale * product;
  const double rest = query.terms.squared_query - product * product * fit.inverse_square;
  const double bound = along + fit.residual * std::sqrt(std::max(rest, 0.0)) + query.terms.slack;
  return {static_cast<float>(along), static_cast<float>(bound)};
}

void RowCodes::read_whole_fits(size_t start, size_t count, WholeFits* fits) const noexcept {
  const CodeFit* const from = fine_fits_.as<CodeFit>() + start;
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
  kernels.codes.whole_sums(queries.parts(), queries.sums(), queries.count(), high_.as<uint8_t>() + at, low_.as<uint8_t>() + at,
                           count, row_bytes(), sums, kBlock);
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

}  // namespace gearshift
