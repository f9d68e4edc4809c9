#include "core/inverse_norm.h"

#include <algorithm>

#include "core/reference.h"

namespace gearshift {

float inverse_norm_of(const float* v, size_t dimensions, float squared_norm) noexcept {
  const float inverse = inverse_norm(squared_norm);
  if (inverse == inverse || !(squared_norm < kLeastTrustedSquaredNorm)) return inverse;
  return squared_norm_f64(v, dimensions) < kZeroSquaredNorm ? 0.0f : inverse;
}

void inverse_norms_of(const KernelTable& kernels, const float* rows, size_t stride, size_t count, size_t dimensions,
                      float* inverse_norms) noexcept {
  constexpr size_t kBatch = 16;
  float dots[kBatch];
  float squared_norms[kBatch];
  for (size_t first = 0; first < count; first += kBatch) {
    const size_t batch = std::min(kBatch, count - first);
    const float* const start = rows + first * stride;
    // By the kernel that works norms out during a scan, so that both ways give a row the same bits.
    kernels.dot_and_squared_norm_f32(start, start, stride, batch, dimensions, false, dots, squared_norms);
    for (size_t i = 0; i < batch; ++i)
      inverse_norms[first + i] = inverse_norm_of(start + i * stride, dimensions, squared_norms[i]);
  }
}

}  // namespace gearshift
