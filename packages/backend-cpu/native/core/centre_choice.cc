#include "core/centre_choice.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "core/row_codes.h"

namespace gearshift {
namespace {

constexpr size_t kRowsOfCentre = 8;  // in the sample, on average
constexpr size_t kRounds = 3;
constexpr size_t kRowsOfPiece = 64;
constexpr size_t kCentresOfPiece = 64;
/** Rows of the sample that the centres are tried with. */
constexpr size_t kQueries = 32;
/** Of the sample's rows: with more left, reading the codes of all rows takes little more time. */
constexpr double kMostLeft = 0.25;

/** Numbers that look random, the same ones always: splitmix64. */
uint64_t mix(uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

/** A place in the part `part` of `parts` equal parts of [0, count). */
size_t pick(size_t part, size_t parts, size_t count) noexcept {
  const size_t start = part * count / parts;
  const size_t end = (part + 1) * count / parts;
  return start + mix(part) % std::max<size_t>(1, end - start);
}

}  // namespace

std::unique_ptr<CentreChoice> CentreChoice::allocate(size_t rows, size_t dimensions, size_t centres, CentreUse use) noexcept {
  std::unique_ptr<CentreChoice> choice(new (std::nothrow) CentreChoice);
  if (choice == nullptr) return nullptr;
  choice->dimensions_ = dimensions;
  choice->centre_count_ = centres;
  choice->use_ = use;
  const size_t sampled = choice->sampled_ = std::min(rows, kRowsOfCentre * centres);
  const size_t plane = sampled * choice->plane_bytes();
  if (!choice->high_.allocate(plane + RowCodes::kPadding) || !choice->low_.allocate(plane + RowCodes::kPadding) ||
      !choice->scales_.allocate(sampled * sizeof(float)) || !choice->residuals_.allocate(sampled * sizeof(float)) ||
      !choice->nearest_.allocate(sampled * sizeof(uint16_t)) || !choice->sums_.allocate(centres * dimensions * sizeof(float)) ||
      !choice->counts_.allocate(centres * sizeof(uint32_t)) || !choice->queries_.allocate(kQueries * dimensions) ||
      !choice->query_sums_.allocate(kQueries * sizeof(int32_t)) || !choice->query_units_.allocate(kQueries * sizeof(float)) ||
      !choice->best_.allocate(kQueries * sizeof(float)) || !choice->products_.allocate(kQueries * centres * sizeof(float))) {
    return nullptr;
  }
  return choice;
}

bool CentreChoice::go_on(size_t step, size_t end) noexcept {
  place_ += step;
  if (place_ < end) return false;
  place_ = 0;
  return true;
}

CentreChoice::Progress CentreChoice::advance(const KernelTable& kernels, const RowCodes& codes, RowCentres& centres) noexcept {
  const size_t end = std::min(sampled_, place_ + kRowsOfPiece);
  float values[kMostCodedDimensions];
  switch (stage_) {
    case Stage::sample:
      take_sample(codes, place_, end);
      if (go_on(kRowsOfPiece, sampled_)) stage_ = Stage::seed;
      return Progress::more;

    case Stage::seed:
      for (size_t c = place_; c < std::min(centre_count_, place_ + kCentresOfPiece); ++c) {
        read_values(pick(c, centre_count_, sampled_), values);
        centres.set(c, values);
      }
      if (go_on(kCentresOfPiece, centre_count_)) stage_ = Stage::assign;
      return Progress::more;

    case Stage::assign:
      if (place_ == 0) {
        std::memset(sums_.as<float>(), 0, centre_count_ * dimensions_ * sizeof(float));
        std::memset(counts_.as<uint32_t>(), 0, centre_count_ * sizeof(uint32_t));
      }
      centres.find_nearest(kernels, coded(place_, end - place_), nearest_.as<uint16_t>() + place_);
      add_to_centres(place_, end - place_, nearest_.as<uint16_t>() + place_);
      if (go_on(kRowsOfPiece, sampled_)) stage_ = rounds_++ < kRounds ? Stage::move : Stage::measure;
      return Progress::more;

    case Stage::move:
      for (size_t c = place_; c < std::min(centre_count_, place_ + kCentresOfPiece); ++c) {
        const uint32_t count = counts_.as<uint32_t>()[c];
        if (count == 0) continue;
        const float* const sums = sums_.as<float>() + c * dimensions_;
        for (size_t i = 0; i < dimensions_; ++i) values[i] = sums[i] / static_cast<float>(count);
        centres.set(c, values);
      }
      if (go_on(kCentresOfPiece, centre_count_)) stage_ = Stage::assign;
      return Progress::more;

    case Stage::measure:
      if (use_ == CentreUse::always) return Progress::chosen;
      if (place_ == 0 && !prepare_queries()) return Progress::refused;
      find_best(kernels, place_, end);
      if (go_on(kRowsOfPiece, sampled_)) stage_ = Stage::compare;
      return Progress::more;

    default:
      if (place_ == 0) multiply_with_centres(kernels, centres);
      left_ += count_left(centres, place_, end);
      if (!go_on(kRowsOfPiece, sampled_)) return Progress::more;
      return static_cast<double>(left_) <= kMostLeft * static_cast<double>(kQueries * sampled_) ? Progress::chosen
                                                                                              : Progress::refused;
  }
}

void CentreChoice::take_sample(const RowCodes& codes, size_t start, size_t end) noexcept {
  const size_t bytes = plane_bytes();
  // Of the rows that there are by now.
  const size_t rows = codes.row_count();
  for (size_t place = start; place < end; ++place) {
    const size_t row = std::min(pick(place, sampled_, rows), rows - 1);
    std::memcpy(high_.as<uint8_t>() + place * bytes, codes.high_of(row), bytes);
    std::memcpy(low_.as<uint8_t>() + place * bytes, codes.low_of(row), bytes);
    // Of a row that changes while it is encoded, the fit may be anything.
    const CodeFit fit = codes.whole_fit(row);
    scales_.as<float>()[place] = fit.scale > 0 && fit.scale < 1 ? fit.scale : 0;
    residuals_.as<float>()[place] = fit.residual;
  }
}

RowCentres::Coded CentreChoice::coded(size_t start, size_t count) const noexcept {
  const size_t at = start * plane_bytes();
  return {high_.as<uint8_t>() + at, low_.as<uint8_t>() + at, scales_.as<float>() + start, count};
}

void CentreChoice::read_values(size_t place, float* values) const noexcept {
  uint8_t code[kMostCodedDimensions];
  const size_t at = place * plane_bytes();
  RowCodes::join(high_.as<uint8_t>() + at, low_.as<uint8_t>() + at, plane_bytes(), code);
  const float scale = scales_.as<float>()[place];
  for (size_t i = 0; i < dimensions_; ++i) values[i] = scale * (static_cast<float>(code[i]) - 127.5f);
}

void CentreChoice::add_to_centres(size_t start, size_t count, const uint16_t* nearest) noexcept {
  float values[kMostCodedDimensions];
  for (size_t r = 0; r < count; ++r) {
    // Of rows without a code nothing is known.
    if (scales_.as<float>()[start + r] == 0) continue;
    read_values(start + r, values);
    float* const sums = sums_.as<float>() + nearest[r] * dimensions_;
    for (size_t i = 0; i < dimensions_; ++i) sums[i] += values[i];
    ++counts_.as<uint32_t>()[nearest[r]];
  }
}

bool CentreChoice::prepare_queries() noexcept {
  size_t usable = 0;
  for (size_t q = 0; q < kQueries; ++q) {
    float values[kMostCodedDimensions];
    const size_t place = pick(q, kQueries, sampled_);
    read_values(place, values);
    float most = 0;
    for (size_t i = 0; i < dimensions_; ++i) most = std::max(most, std::fabs(values[i]));
    const float unit = most / static_cast<float>(kMostWholePart);
    int8_t* const parts = queries_.as<int8_t>() + q * dimensions_;
    int32_t sum = 0;
    for (size_t i = 0; i < dimensions_; ++i) {
      const float part = unit > 0 ? values[i] / unit : 0;
      parts[i] = static_cast<int8_t>(part + (part < 0 ? -0.5f : 0.5f));
      sum += parts[i];
    }
    query_sums_.as<int32_t>()[q] = 128 * sum;
    query_units_.as<float>()[q] = unit;
    best_.as<float>()[q] = -std::numeric_limits<float>::infinity();
    usable += unit > 0;
  }
  return usable > kQueries / 2;
}

/** Of each query, the best product with another row: about that of one of the best ten of all rows. */
void CentreChoice::find_best(const KernelTable& kernels, size_t start, size_t end) noexcept {
  int32_t sums[kQueries * kRowsOfPiece + 3];
  const RowCentres::Coded rows = coded(start, end - start);
  kernels.codes.whole_sums(queries_.as<int8_t>(), query_sums_.as<int32_t>(), kQueries, rows.high, rows.low, rows.count,
                           plane_bytes(), sums, kRowsOfPiece);
  for (size_t q = 0; q < kQueries; ++q) {
    const int32_t twice_middle = query_sums_.as<int32_t>()[q] / 128 * 255;
    for (size_t r = 0; r < rows.count; ++r) {
      if (start + r == pick(q, kQueries, sampled_)) continue;
      const auto product = static_cast<float>(2 * sums[q * kRowsOfPiece + r] - twice_middle);
      best_.as<float>()[q] = std::max(best_.as<float>()[q], rows.scales[r] * query_units_.as<float>()[q] / 2 * product);
    }
  }
}

void CentreChoice::multiply_with_centres(const KernelTable& kernels, const RowCentres& centres) noexcept {
  auto* const products = products_.as<float>();
  int32_t sums[kQueries * kCentresOfPiece + 3];
  for (size_t first = 0; first < centre_count_; first += kCentresOfPiece) {
    const size_t count = std::min(kCentresOfPiece, centre_count_ - first);
    const size_t at = first * plane_bytes();
    kernels.codes.whole_sums(queries_.as<int8_t>(), query_sums_.as<int32_t>(), kQueries, centres.high_.as<uint8_t>() + at,
                             centres.low_.as<uint8_t>() + at, count, plane_bytes(), sums, kCentresOfPiece);
    for (size_t q = 0; q < kQueries; ++q) {
      const int32_t twice_middle = query_sums_.as<int32_t>()[q] / 128 * 255;
      for (size_t c = 0; c < count; ++c) {
        const auto product = static_cast<float>(2 * sums[q * kCentresOfPiece + c] - twice_middle);
        products[q * centre_count_ + first + c] = centres.units_.as<float>()[first + c] * query_units_.as<float>()[q] / 2 * product;
      }
    }
  }
}

size_t CentreChoice::count_left(const RowCentres& centres, size_t start, size_t end) const noexcept {
  const auto* const products = products_.as<float>();
  size_t left = 0;
  uint8_t code[kMostCodedDimensions];
  for (size_t place = start; place < end; ++place) {
    const size_t at = place * plane_bytes();
    RowCodes::join(high_.as<uint8_t>() + at, low_.as<uint8_t>() + at, plane_bytes(), code);
    const size_t centre = nearest_.as<uint16_t>()[place];
    const float distance =
        centres.distance_from(centre, code, scales_.as<float>()[place], residuals_.as<float>()[place]);
    for (size_t q = 0; q < kQueries; ++q) left += !(products[q * centre_count_ + centre] + distance < best_.as<float>()[q]);
  }
  return left;
}

}  // namespace gearshift
