#include "core/inverse_norm.h"

#include <algorithm>
#include <cstdint>

#include "core/reference.h"

namespace gearshift {

float inverse_norm_of(const void* v, ElementFormat format, size_t dimensions, float squared_norm) noexcept {
  const float inverse = inverse_norm(squared_norm);
  if (inverse == inverse || !(squared_norm < kLeastTrustedSquaredNorm)) return inverse;
  return squared_norm_f64(v, format, dimensions) < kZeroSquaredNorm ? 0.0f : inverse;
}

void inverse_norms_of(const KernelTable& kernels, const void* rows, ElementFormat format, size_t stride, size_t count,
                      size_t dimensions, float* inverse_norms) noexcept {
  constexpr size_t kBatch = 16;
  float squared_norms[kBatch];
  for (size_t first = 0; first < count; first += kBatch) {
    const size_t batch = std::min(kBatch, count - first);
    const auto* const start = static_cast<const uint8_t*>(rows) + first * stride * format.bytes();
    // With the bits that a scan works out, so that both ways give a row the same score.
    kernels.scans_of(format.type).squared_norm(start, format.scale, stride, batch, dimensions, squared_norms);
    for (size_t i = 0; i < batch; ++i) {
      inverse_norms[first + i] = inverse_norm_of(start + i * stride * format.bytes(), format, dimensions, squared_norms[i]);
    }
  }
}

}  // namespace gearshift
