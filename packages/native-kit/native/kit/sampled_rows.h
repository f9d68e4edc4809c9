#pragma once

#include <algorithm>
#include <cstddef>

namespace gearshift::kit {

/**
 * Calls visit(row, elements) for some rows, spread over all of them, of which the first `elements` elements are to be looked
 * at: enough to tell two matrices that carry the same id apart. Stops, and returns false, where visit returns false.
 */
template <typename Visit>
bool visit_sampled_rows(size_t rows, size_t dimensions, const Visit& visit) noexcept {
  constexpr size_t kSampledRows = 16;
  constexpr size_t kSampledElements = 64;
  const size_t samples = std::min(kSampledRows, rows);
  for (size_t i = 0; i < samples; ++i) {
    const size_t row = samples == 1 ? 0 : i * ((rows - 1) / (samples - 1));
    if (!visit(row, std::min(kSampledElements, dimensions))) return false;
  }
  return true;
}

}  // namespace gearshift::kit
