#include "core/query.h"

#include <cstring>

#include "core/inverse_norm.h"

namespace gearshift {

bool PreparedQuery::prepare(const KernelTable& kernels, const float* query, size_t dimensions) noexcept {
  constexpr size_t kFloatsPerLine = kAlignment / sizeof(float);
  if (dimensions > SIZE_MAX / sizeof(float) - kFloatsPerLine) return false;
  const size_t padded = (dimensions + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
  float* target = inline_values_;
  if (padded > kInlineFloats) {
    if (memory_.bytes() < padded * sizeof(float) && !memory_.allocate(padded * sizeof(float))) return false;
    target = memory_.as<float>();
  }
  std::memcpy(target, query, dimensions * sizeof(float));
  std::memset(target + dimensions, 0, (padded - dimensions) * sizeof(float));
  values_ = target;

  const ElementFormat format{};
  float squared_norm;
  kernels.scans_of(format.type).squared_norm(target, format.scale, padded, 1, padded, &squared_norm);
  inverse_norm_ = inverse_norm_of(target, format, dimensions, squared_norm);
  return true;
}

}  // namespace gearshift
