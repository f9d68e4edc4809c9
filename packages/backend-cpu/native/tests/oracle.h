#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "core/metric.h"

// What the kernels and the core must compute, in double precision and written without looking at either.

namespace gearshift::tests {

struct Sums {
  double dot = 0;
  double squared_distance = 0;
  double squared_norm = 0;
  double magnitude = 0;  // sum of |query * row|: what rounding errors of the dot product are relative to
};

inline Sums sums_of(const float* query, const float* row, size_t dimensions) {
  Sums sums;
  for (size_t i = 0; i < dimensions; ++i) {
    const double q = query[i];
    const double r = row[i];
    sums.dot += q * r;
    sums.squared_distance += (q - r) * (q - r);
    sums.squared_norm += r * r;
    sums.magnitude += std::fabs(q * r);
  }
  return sums;
}

/** The rule of every backend: NaN first, then zero vectors, then the quotient within [-1, 1]. */
inline double expected_score(Metric metric, const float* query, const float* row, size_t dimensions) {
  const Sums sums = sums_of(query, row, dimensions);
  if (metric == Metric::dot) return sums.dot;
  if (metric == Metric::euclidean) return std::sqrt(sums.squared_distance);
  const double query_norm = sums_of(query, query, dimensions).squared_norm;
  if (std::isnan(sums.dot)) return std::numeric_limits<double>::quiet_NaN();
  constexpr double kZero = 0x1p-126;
  if (query_norm < kZero || sums.squared_norm < kZero) return 0;
  const double cosine = sums.dot / std::sqrt(query_norm) / std::sqrt(sums.squared_norm);
  return std::isnan(cosine) ? cosine : std::fmin(1, std::fmax(-1, cosine));
}

/** What so many additions may lose of their sum of magnitudes: half a unit in the last place each, twice for good measure. */
inline double rounding(size_t additions) { return 2.0 * static_cast<double>(additions) * 0x1p-24; }

/** Whether `actual` is what float32 may make of `expected`: NaN for NaN, infinite for infinite or too large. */
inline bool is_close(float actual, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(actual);
  if (std::isinf(actual)) return std::fabs(expected) > std::numeric_limits<float>::max() && (actual > 0) == (expected > 0);
  return std::fabs(actual - expected) <= tolerance;
}

inline uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

/** The same bits; any NaN counts as any other. */
inline bool is_same(float a, float b) { return bits_of(a) == bits_of(b) || (a != a && b != b); }

}  // namespace gearshift::tests
