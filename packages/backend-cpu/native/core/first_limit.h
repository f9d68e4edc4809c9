#pragma once

#include <cstddef>

#include "core/certified_top_k.h"

namespace gearshift {

/**
 * Before the first rows of a query that RowCentres::prepare() was called for: scores the rows of [start, end) around the nearest centres
 * that promise most, so that the limit is high from the beginning. The search considers them again.
 *
 * @return how many were scored
 */
size_t find_first_limit(const CertifiedScan::Request& request, size_t k, size_t start, size_t end, ReachedScore& reached) noexcept;

/** Which share of the rows [start, end) the centres leave, about; 1 without a limit. */
double share_left(const CertifiedScan::Request& request, size_t start, size_t end, const ReachedScore& reached) noexcept;

}  // namespace gearshift
