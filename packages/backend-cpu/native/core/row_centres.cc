#include "core/row_centres.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "core/centre_choice.h"
#include "core/row_codes.h"

namespace gearshift {
namespace {

constexpr double kMiddle = 127.5;
/** Of the code of a centre, in parts of a query for whole codes. */
constexpr double kPartsOfCode = kMostWholePart / kMiddle;
/** Rows at length 1 less their mean are no longer, and no centre is. */
constexpr double kMostLength = 2.01;
constexpr size_t kRowsOfPiece = 64;
/** Centres that rows are compared with together, so that their parts stay in the second-level cache. */
constexpr size_t kCentresTogether = 128;
/** Centres that the search begins with. */
constexpr size_t kBestCentres = 32;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/** Whole products of a code less its middle with another, four times over. */
int32_t four_products(const uint8_t* a, const uint8_t* b, size_t count) noexcept {
  static_assert(kMostCodedDimensions * 255 * 255 <= INT32_MAX, "the sum fits in 32 bits");
  int32_t sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += static_cast<int16_t>(2 * a[i] - 255) * static_cast<int16_t>(2 * b[i] - 255);
  return sum;
}

/** The place of the largest. Numbers in 16 lanes, which compilers turn into vector code. */
size_t find_largest(const float* values, size_t count) noexcept {
  constexpr size_t kLanes = 16;
  float most[kLanes];
  std::fill(most, most + kLanes, -kInfinity);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) most[lane] = most[lane] > values[i + lane] ? most[lane] : values[i + lane];
  for (; i < count; ++i) most[0] = most[0] > values[i] ? most[0] : values[i];
  const float largest = *std::max_element(most, most + kLanes);
  const float* const found = std::find(values, values + count, largest);
  return found == values + count ? 0 : static_cast<size_t>(found - values);
}

}  // namespace

RowCentres::RowCentres() noexcept = default;
RowCentres::~RowCentres() = default;

size_t RowCentres::count_for(size_t rows) noexcept {
  constexpr size_t kRowsOfCentre = 64;
  return std::min(kMostCentres, std::max<size_t>(1, rows / kRowsOfCentre));
}

std::unique_ptr<RowCentres> RowCentres::allocate(size_t rows, size_t coded_dimensions, CentreUse use) noexcept {
  std::unique_ptr<RowCentres> centres(new (std::nothrow) RowCentres);
  if (centres == nullptr) return nullptr;
  const size_t count = count_for(rows);
  const size_t plane = count * (coded_dimensions / 2);
  centres->dimensions_ = coded_dimensions;
  centres->count_ = count;
  if (!centres->high_.allocate(plane + RowCodes::kPadding) || !centres->low_.allocate(plane + RowCodes::kPadding) ||
      !centres->units_.allocate(count * sizeof(float)) || !centres->parts_.allocate(count * coded_dimensions) ||
      !centres->part_sums_.allocate(count * sizeof(int32_t)) || !centres->half_squares_.allocate(count * sizeof(float)) ||
      !centres->ends_.allocate(count * sizeof(uint32_t)) || !centres->reserve(rows <= SIZE_MAX / 2 ? 2 * rows : rows)) {
    return nullptr;
  }
  centres->row_count_ = rows;
  centres->choice_ = CentreChoice::allocate(rows, coded_dimensions, count, use);
  return centres->choice_ == nullptr ? nullptr : std::move(centres);
}

bool RowCentres::reserve(size_t rows) noexcept {
  AlignedMemory numbers, distances;
  if (!numbers.allocate(rows * sizeof(uint16_t)) || !distances.allocate(rows * sizeof(float))) return false;
  if (assigned_ > 0) {
    std::memcpy(numbers.as<uint16_t>(), numbers_.as<uint16_t>(), assigned_ * sizeof(uint16_t));
    std::memcpy(distances.as<float>(), distances_.as<float>(), assigned_ * sizeof(float));
  }
  numbers_ = std::move(numbers);
  distances_ = std::move(distances);
  capacity_ = rows;
  return true;
}

bool RowCentres::resize(size_t rows) noexcept {
  assigned_ = std::min(assigned_, rows);
  if (rows > capacity_ && !reserve(rows <= SIZE_MAX / 2 ? 2 * rows : rows)) return false;
  // Added rows are encoded, and get a centre, before anything is searched again.
  if (is_ready_) assigned_ = rows;
  listing_.store(0, std::memory_order_relaxed);
  row_count_ = rows;
  return true;
}

void RowCentres::set(size_t centre, const float* values) noexcept {
  float most = 0;
  for (size_t i = 0; i < dimensions_; ++i) most = std::max(most, std::fabs(values[i]));
  float unit = most / static_cast<float>(kMiddle);
  uint8_t code[kMostCodedDimensions];
  int8_t* const parts = parts_of(centre);
  int32_t part_sum = 0;
  for (size_t i = 0; i < dimensions_; ++i) {
    const float step = unit > 0 ? values[i] / unit + 128 : 128;
    code[i] = static_cast<uint8_t>(std::min(255.0f, std::max(0.0f, step)));
    const double part = (code[i] - kMiddle) * kPartsOfCode;
    parts[i] = static_cast<int8_t>(part + (part < 0 ? -0.5 : 0.5));
    part_sum += parts[i];
  }
  const double square = static_cast<double>(unit) * unit * four_products(code, code, dimensions_) / 4;
  // What is longer is no mean of rows; the origin does as well.
  if (!(square <= kMostLength * kMostLength)) unit = 0;
  RowCodes::split(code, plane_bytes(), high_.as<uint8_t>() + centre * plane_bytes(), low_.as<uint8_t>() + centre * plane_bytes());
  units_.as<float>()[centre] = unit;
  part_sums_.as<int32_t>()[centre] = 128 * part_sum;
  half_squares_.as<float>()[centre] = unit > 0 ? static_cast<float>(square / 2) : 0;
}

void RowCentres::find_nearest(const KernelTable& kernels, const Coded& rows, uint16_t* nearest) const noexcept {
  int32_t sums[kCentresTogether * kTogether + 3];
  float closeness[kTogether][kCentresTogether];
  float best[kTogether];
  std::fill(best, best + rows.count, -kInfinity);
  std::fill(nearest, nearest + rows.count, uint16_t{0});
  for (size_t first = 0; first < count_; first += kCentresTogether) {
    const size_t count = std::min(kCentresTogether, count_ - first);
    kernels.codes.whole_sums(parts_.as<int8_t>() + first * dimensions_, part_sums_.as<int32_t>() + first, count, rows.high,
                             rows.low, rows.count, plane_bytes(), sums, kTogether);
    for (size_t c = 0; c < count; ++c) {
      // Half of what the square of the distance is less than that of the row's length, about.
      const int32_t twice_middle = part_sums_.as<int32_t>()[first + c] / 128 * 255;
      const float unit = units_.as<float>()[first + c] / static_cast<float>(2 * kPartsOfCode);
      const float half_square = half_squares_.as<float>()[first + c];
      for (size_t r = 0; r < rows.count; ++r) {
        const auto product = static_cast<float>(2 * sums[c * kTogether + r] - twice_middle);
        closeness[r][c] = rows.scales[r] * unit * product - half_square;
      }
    }
    for (size_t r = 0; r < rows.count; ++r) {
      const size_t found = find_largest(closeness[r], count);
      if (!(closeness[r][found] > best[r])) continue;
      best[r] = closeness[r][found];
      nearest[r] = static_cast<uint16_t>(first + found);
    }
  }
}

float RowCentres::distance_from(size_t centre, const uint8_t* code, float scale, float residual) const noexcept {
  uint8_t of_centre[kMostCodedDimensions];
  RowCodes::join(high_.as<uint8_t>() + centre * plane_bytes(), low_.as<uint8_t>() + centre * plane_bytes(), plane_bytes(), of_centre);
  const double unit = units_.as<float>()[centre];
  const double a = scale;
  // Whole numbers are exact, and these few roundings wrong by less than 2^-44.
  const double square = (a * a * four_products(code, code, dimensions_) - 2 * a * unit * four_products(code, of_centre, dimensions_) +
                         unit * unit * four_products(of_centre, of_centre, dimensions_)) / 4;
  const double distance = std::sqrt(std::max(square, 0.0)) + 0x1p-22;
  return static_cast<float>((distance + static_cast<double>(residual)) * (1 + 0x1p-23));
}

void RowCentres::assign(const KernelTable& kernels, const RowCodes& codes, size_t start, size_t end) noexcept {
  uint8_t code[kMostCodedDimensions];
  uint16_t nearest[kTogether];
  float scales[kTogether];
  for (size_t first = start; first < end; first += kTogether) {
    const size_t count = std::min(kTogether, end - first);
    for (size_t i = 0; i < count; ++i) scales[i] = codes.whole_fit(first + i).scale;
    find_nearest(kernels, {codes.high_of(first), codes.low_of(first), scales, count}, nearest);
    for (size_t i = 0; i < count; ++i) {
      RowCodes::join(codes.high_of(first + i), codes.low_of(first + i), plane_bytes(), code);
      numbers_.as<uint16_t>()[first + i] = nearest[i];
      distances_.as<float>()[first + i] = distance_from(nearest[i], code, scales[i], codes.whole_fit(first + i).residual);
    }
  }
}

void RowCentres::assign_again(const KernelTable& kernels, const RowCodes& codes, size_t start, size_t end) noexcept {
  end = std::min(end, assigned_);
  if (start >= end) return;
  assign(kernels, codes, start, end);
  listing_.store(0, std::memory_order_relaxed);
}

bool RowCentres::advance(const KernelTable& kernels, const RowCodes& codes) noexcept {
  if (choice_ != nullptr) {
    switch (choice_->advance(kernels, codes, *this)) {
      case CentreChoice::Progress::more: return true;
      case CentreChoice::Progress::refused: return false;
      default: choice_ = nullptr;
    }
  }
  if (assigned_ < row_count_) {
    const size_t end = std::min(row_count_, assigned_ + kRowsOfPiece);
    assign(kernels, codes, assigned_, end);
    assigned_ = end;
    return true;
  }
  const size_t bytes = row_count_ * sizeof(uint32_t);
  if (listed_.bytes() < bytes && !listed_.allocate(bytes)) return false;
  is_ready_ = list_some_rows();
  return !is_ready_;
}

bool RowCentres::list_some_rows() noexcept {
  constexpr size_t kRows = 32 * 1024;
  auto* const ends = ends_.as<uint32_t>();
  const auto* const numbers = numbers_.as<uint16_t>();
  const size_t place = listing_.load(std::memory_order_relaxed);
  if (place == 0) std::fill(ends, ends + count_, 0u);
  size_t end;
  if (place < row_count_) {
    end = std::min(row_count_, place + kRows);
    for (size_t row = place; row < end; ++row) ++ends[numbers[row]];
    if (end == row_count_) {
      uint32_t before = 0;
      for (size_t centre = 0; centre < count_; ++centre) before += std::exchange(ends[centre], before);
    }
  } else {
    end = std::min(2 * row_count_, place + kRows);
    for (size_t row = place - row_count_; row < end - row_count_; ++row)
      listed_.as<uint32_t>()[ends[numbers[row]]++] = static_cast<uint32_t>(row);
  }
  listing_.store(end, std::memory_order_relaxed);
  return end == 2 * row_count_;
}

void RowCentres::prepare(const KernelTable& kernels, CodeQuery* query) const noexcept {
  // Roundings to float32: of a sum with a distance, which is below 16, and of the number here, which is below 4.
  constexpr double kRoundUp = 0x1p-20;
  int32_t high[RowCodes::kBlock], low[RowCodes::kBlock];
  for (size_t first = 0; first < count_; first += RowCodes::kBlock) {
    const size_t count = std::min(RowCodes::kBlock, count_ - first);
    const size_t at = first * plane_bytes();
    kernels.codes.sums(query->high, query->low, high_.as<uint8_t>() + at, count, plane_bytes(), high);
    kernels.codes.sums(query->high, query->low, low_.as<uint8_t>() + at, count, plane_bytes(), low);
    for (size_t i = 0; i < count; ++i) {
      const double product = (16.0 * high[i] + low[i] - kMiddle * query->sum) * query->unit * units_.as<float>()[first + i];
      query->centres[first + i] = static_cast<float>(query->terms.base + product + query->terms.slack + kRoundUp);
    }
  }
  query->has_centres = true;
}

void RowCentres::bound(const CodeQuery& query, size_t start, size_t count, float* bounds) const noexcept {
  const uint16_t* const numbers = numbers_.as<uint16_t>() + start;
  const float* const distances = distances_.as<float>() + start;
  for (size_t i = 0; i < count; ++i) bounds[i] = query.centres[numbers[i]] + distances[i];
}

float RowCentres::bound_of(const CodeQuery& query, size_t row) const noexcept {
  return query.centres[numbers_.as<uint16_t>()[row]] + distances_.as<float>()[row];
}

size_t RowCentres::list_nearest(const CodeQuery& query, size_t most, uint32_t* rows) const noexcept {
  uint16_t order[kMostCentres];
  for (size_t i = 0; i < count_; ++i) order[i] = static_cast<uint16_t>(i);
  const size_t best = std::min(kBestCentres, count_);
  // Equal ones in the order of their numbers, so that a search reads the same rows each time.
  std::partial_sort(order, order + best, order + count_, [&](uint16_t a, uint16_t b) noexcept {
    return query.centres[a] != query.centres[b] ? query.centres[a] > query.centres[b] : a < b;
  });
  const auto* const ends = ends_.as<uint32_t>();
  size_t listed = 0;
  for (size_t i = 0; i < best; ++i) {
    const size_t start = order[i] == 0 ? 0 : ends[order[i] - 1];
    const size_t count = std::min<size_t>(most - listed, ends[order[i]] - start);
    std::copy_n(listed_.as<uint32_t>() + start, count, rows + listed);
    listed += count;
  }
  return listed;
}

size_t RowCentres::bytes() const noexcept {
  const size_t of_centre = 2 * dimensions_ + 2 * sizeof(float) + sizeof(int32_t) + sizeof(uint32_t);
  return row_count_ * kBytesOfRow + listed_.bytes() + count_ * of_centre;
}

double RowCentres::bytes_of(size_t rows, size_t coded_dimensions) noexcept {
  if (rows < kLeastRows) return 0;
  const double of_centre = static_cast<double>(2 * coded_dimensions + 4 * sizeof(float));
  return static_cast<double>(rows) * (kBytesOfRow + sizeof(uint32_t)) + static_cast<double>(count_for(rows)) * of_centre;
}

}  // namespace gearshift
