#pragma once

#include <cstddef>

#include "core/metric.h"
#include "kit/element_format.h"

namespace gearshift {

/** A vector with a squared norm below this counts as a zero vector. */
constexpr double kZeroSquaredNorm = 0x1p-126;

/** sum of v[i]^2 in double precision. */
double squared_norm_f64(const void* v, kit::ElementFormat format, size_t dimensions) noexcept;

/**
 * The score of one row by the rule that every backend follows, in double precision: what the kernels' float32 cannot tell
 * (NaN, infinities, huge and tiny values) is worked out here. Callers hold a KeepSubnormals.
 */
float reference_score(Metric metric, const float* query, const void* row, kit::ElementFormat format,
                      size_t dimensions) noexcept;

}  // namespace gearshift
