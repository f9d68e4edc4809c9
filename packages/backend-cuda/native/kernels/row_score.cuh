// The score of a row by the rule that every backend follows.
#pragma once

#include "kernels/kernel.cuh"

namespace gearshift::cuda {

/** A vector whose squared norm is below this counts as a zero vector. */
constexpr double kZeroSquaredNorm = 1.17549435082228750797e-38;  // 2^-126
/** Float32 sums of squares between these are trusted: no square that counts vanished, and no product of two overflows. */
constexpr float kLeastTrustedSquaredNorm = 8.271806125530277e-25f;  // 2^-80
constexpr float kMostTrustedSquaredNorm = 1.2676506002282294e30f;   // 2^100

__device__ inline double warp_squared_norm(const float* row, uint32_t dimensions) {
  double sum = 0;
  for (uint32_t i = lane_number(); i < dimensions; i += kWarp) sum += static_cast<double>(row[i]) * row[i];
  return warp_sum(sum);
}

/**
 * 1 / norm; 0 for a zero vector; NaN where float32 cannot tell: a cosine that comes out as NaN is worked out again in
 * float64. By a whole warp, the sum in every lane.
 */
__device__ inline float inverse_norm_of(const float* row, uint32_t dimensions, float squared_norm) {
  if (squared_norm >= kLeastTrustedSquaredNorm && squared_norm <= kMostTrustedSquaredNorm) return 1.0f / sqrtf(squared_norm);
  if (!(squared_norm < kLeastTrustedSquaredNorm)) return quiet_nan();
  return warp_squared_norm(row, dimensions) < kZeroSquaredNorm ? 0.0f : quiet_nan();
}

/** The score in double precision, by a whole warp; in every lane. */
__device__ inline float reference_score(uint32_t metric, const float* query, const float* row, uint32_t dimensions) {
  double sum = 0;
  for (uint32_t i = lane_number(); i < dimensions; i += kWarp) {
    const double q = query[i];
    const double r = row[i];
    sum += metric == kEuclidean ? (q - r) * (q - r) : q * r;
  }
  sum = warp_sum(sum);
  if (metric == kEuclidean) return static_cast<float>(sqrt(sum));
  // Before the zero vectors: NaN reaches its scores even where the other vector is zero.
  if (metric == kDot || sum != sum) return static_cast<float>(sum);
  const double query_norm = warp_squared_norm(query, dimensions);
  const double row_norm = warp_squared_norm(row, dimensions);
  if (query_norm < kZeroSquaredNorm || row_norm < kZeroSquaredNorm) return 0.0f;
  // Two roots, not one of the product: that overflows for vectors near the largest float32.
  const double cosine = sum / (sqrt(query_norm) * sqrt(row_norm));
  return static_cast<float>(cosine > 1 ? 1 : cosine < -1 ? -1 : cosine);
}

/** What the sum of one row and one query makes; not finite where it has to be worked out again. */
__device__ inline float finish_score(uint32_t metric, float sum, float row_inverse_norm, float query_inverse_norm) {
  if (metric == kEuclidean) return sqrtf(sum);
  if (metric == kDot) return sum;
  const float score = sum * (row_inverse_norm * query_inverse_norm);
  // Written so that NaN, for which every comparison is false, passes through.
  const float at_most_one = score > 1.0f ? 1.0f : score;
  return at_most_one < -1.0f ? -1.0f : at_most_one;
}

}  // namespace gearshift::cuda
