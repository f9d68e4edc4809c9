#include "core/code_rotation.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gearshift {
namespace {

/** SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
class Random {
 public:
  uint64_t next() noexcept {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }

 private:
  uint64_t state_ = 0;
};

constexpr size_t kColumns = kCodeGroup;
constexpr size_t kMostOfTable = kColumns * kColumns;

/** The transform between the rows of a table: sums and differences of whole rows, which compilers turn into vector code. */
void add_and_subtract(double* table, size_t rows, size_t columns) noexcept {
  for (size_t half = 1; half < rows; half *= 2) {
    for (size_t i = 0; i < rows; i += 2 * half) {
      double* __restrict first = table + i * columns;
      double* __restrict second = first + half * columns;
      for (size_t j = 0; j < half * columns; ++j) {
        const double a = first[j];
        const double b = second[j];
        first[j] = a + b;
        second[j] = a - b;
      }
    }
  }
}

/**
 * The transform of some elements as a table of 16 columns: between the rows, and, with the table turned over, between the columns.
 * The result stays turned over, which is one more permutation, and is multiplied by a factor.
 */
void transform_table(double* v, size_t count, double factor) noexcept {
  const size_t rows = count / kColumns;
  add_and_subtract(v, rows, kColumns);
  double turned[kMostOfTable];
  for (size_t column = 0; column < kColumns; ++column)
    for (size_t row = 0; row < rows; ++row) turned[column * rows + row] = v[row * kColumns + column];
  add_and_subtract(turned, kColumns, rows);
  for (size_t i = 0; i < count; ++i) v[i] = turned[i] * factor;
}

}  // namespace

bool CodeRotation::prepare(size_t dimensions) noexcept {
  static_assert(sizeof(float) == sizeof(uint32_t), "they lie in one memory");
  dimensions_ = dimensions;
  if (!memory_.allocate(words() * sizeof(float))) return false;
  block_ = 1;
  levels_ = 0;
  for (; dimensions % (2 * block_) == 0; block_ *= 2) ++levels_;
  Random random;
  float* const signs = memory_.as<float>();
  for (size_t i = 0; i < 2 * dimensions; ++i) signs[i] = random.next() >> 63 != 0 ? 1.0f : -1.0f;
  auto* const order = reinterpret_cast<uint32_t*>(signs + 2 * dimensions);
  for (size_t i = 0; i < 2 * groups(); ++i) order[i] = static_cast<uint32_t>(i % groups());
  uint32_t* const second = order + groups();
  for (size_t i = groups() - 1; i > 0; --i) std::swap(second[i], second[random.next() % (i + 1)]);
  return true;
}

uint32_t CodeRotation::checksum() const noexcept {
  // FNV-1a.
  uint32_t hash = 2166136261u;
  const auto* const at = memory_.as<uint32_t>();
  for (size_t i = 0; i < words(); ++i) hash = (hash ^ at[i]) * 16777619u;
  return hash;
}

void CodeRotation::apply_pass(size_t pass, const double* v, double* out) const noexcept {
  for (size_t i = 0; i < dimensions_; ++i)
    out[i] = v[order(pass)[i / kCodeGroup] * kCodeGroup + i % kCodeGroup] * static_cast<double>(signs(pass)[i]);
  const double factor = 1 / std::sqrt(static_cast<double>(block_));
  const size_t table = std::min(block_, kMostOfTable);
  for (size_t first = 0; first < dimensions_; first += table) transform_table(out + first, table, factor);
  for (size_t first = 0; first < dimensions_; first += block_) add_and_subtract(out + first, block_ / table, table);
}

void CodeRotation::apply(double* v, double* scratch) const noexcept {
  apply_pass(0, v, scratch);
  apply_pass(1, scratch, v);
}

void CodeRotation::apply(const KernelTable& kernels, float* v, float* scratch) const noexcept {
  const auto factor = static_cast<float>(1 / std::sqrt(static_cast<double>(block_)));
  kernels.encoding.transform(v, signs(0), order(0), dimensions_, block_, factor, scratch);
  kernels.encoding.transform(scratch, signs(1), order(1), dimensions_, block_, factor, v);
}

}  // namespace gearshift
