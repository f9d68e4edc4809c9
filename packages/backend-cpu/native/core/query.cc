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

  float dot;
  float squared_norm;
  kernels.dot_and_squared_norm_f32(target, target, padded, 1, padded, false, &dot, &squared_norm);
  inverse_norm_ = inverse_norm_of(target, dimensions, squared_norm);
  return true;
}

}  // namespace gearshift
