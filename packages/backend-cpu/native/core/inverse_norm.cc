#include "core/inverse_norm.h"

#include "core/reference.h"

namespace gearshift {

float inverse_norm_of(const float* v, size_t dimensions, float squared_norm) noexcept {
  const float inverse = inverse_norm(squared_norm);
  if (inverse == inverse || !(squared_norm < kLeastTrustedSquaredNorm)) return inverse;
  return squared_norm_f64(v, dimensions) < kZeroSquaredNorm ? 0.0f : inverse;
}

}  // namespace gearshift
