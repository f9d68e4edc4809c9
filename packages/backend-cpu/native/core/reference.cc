#include "core/reference.h"

#include <cmath>

namespace gearshift {
namespace {

double dot_f64(const float* a, const float* b, size_t dimensions) noexcept {
  double sum = 0;
  for (size_t i = 0; i < dimensions; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double squared_distance_f64(const float* a, const float* b, size_t dimensions) noexcept {
  double sum = 0;
  for (size_t i = 0; i < dimensions; ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += difference * difference;
  }
  return sum;
}

double cosine_f64(const float* query, const float* row, size_t dimensions) noexcept {
  const double dot = dot_f64(query, row, dimensions);
  // Before the zero vectors: NaN reaches its scores even where the other vector is zero.
  if (dot != dot) return dot;
  const double query_norm = squared_norm_f64(query, dimensions);
  const double row_norm = squared_norm_f64(row, dimensions);
  if (query_norm < kZeroSquaredNorm || row_norm < kZeroSquaredNorm) return 0;
  // Two roots, not one of the product: that overflows for vectors near the largest float32.
  const double cosine = dot / (std::sqrt(query_norm) * std::sqrt(row_norm));
  return cosine > 1 ? 1 : (cosine < -1 ? -1 : cosine);
}

}  // namespace

double squared_norm_f64(const float* v, size_t dimensions) noexcept { return dot_f64(v, v, dimensions); }

float reference_score(Metric metric, const float* query, const float* row, size_t dimensions) noexcept {
  switch (metric) {
    case Metric::cosine: return static_cast<float>(cosine_f64(query, row, dimensions));
    case Metric::dot: return static_cast<float>(dot_f64(query, row, dimensions));
    case Metric::euclidean: break;
  }
  return static_cast<float>(std::sqrt(squared_distance_f64(query, row, dimensions)));
}

}  // namespace gearshift
