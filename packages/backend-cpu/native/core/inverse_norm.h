#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "dispatch/kernel_table.h"

namespace gearshift {

/**
 * Float32 sums of squares between these are trusted: neither did a square that counts vanish below the smallest normal
 * number, nor can the product of two such vectors overflow.
 */
constexpr float kLeastTrustedSquaredNorm = 0x1p-80f;
constexpr float kMostTrustedSquaredNorm = 0x1p100f;

/** 1 / norm, or NaN where the sum is not to be trusted: a cosine that comes out as NaN is worked out again in float64. */
inline float inverse_norm(float squared_norm) noexcept {
  const bool trusted = squared_norm >= kLeastTrustedSquaredNorm && squared_norm <= kMostTrustedSquaredNorm;
  return trusted ? 1.0f / std::sqrt(squared_norm) : std::numeric_limits<float>::quiet_NaN();
}

/** The same for a vector in memory: 0 for a zero vector, so that its cosine is 0 without further work. */
float inverse_norm_of(const void* v, ElementFormat format, size_t dimensions, float squared_norm) noexcept;

/** Those of `count` rows. */
void inverse_norms_of(const KernelTable& kernels, const void* rows, ElementFormat format, size_t stride, size_t count, size_t dimensions,
                      float* inverse_norms) noexcept;

}  // namespace gearshift
