// Plain C++ for any CPU. Eight lanes in an array, which compilers keep in whatever vector registers there are; two of them a
// row make 16 independent sums. One sum would be 7 to 15 times slower: floating-point additions must not be reordered.
#include <cmath>
#include <cstring>

#include "kernels/kernels.h"

namespace gearshift {
namespace {

struct Lanes {
  static constexpr size_t kWidth = 8;
  struct Vector {
    float lane[kWidth];
  };
  static inline Vector zero() { return {}; }
  static inline Vector broadcast(float value) {
    Vector v;
    for (float& lane : v.lane) lane = value;
    return v;
  }
  static inline Vector load(const float* from) {
    Vector v;
    std::memcpy(v.lane, from, sizeof v.lane);
    return v;
  }
  static inline Vector load_first(const float* from, size_t count) {
    Vector v{};
    std::memcpy(v.lane, from, count * sizeof(float));
    return v;
  }
  static inline Vector add(Vector a, Vector b) {
    for (size_t i = 0; i < kWidth; ++i) a.lane[i] += b.lane[i];
    return a;
  }
  static inline Vector subtract(Vector a, Vector b) {
    for (size_t i = 0; i < kWidth; ++i) a.lane[i] -= b.lane[i];
    return a;
  }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) {
    for (size_t i = 0; i < kWidth; ++i) c.lane[i] += a.lane[i] * b.lane[i];
    return c;
  }
  static inline float sum(Vector v) {
    return ((v.lane[0] + v.lane[4]) + (v.lane[2] + v.lane[6])) + ((v.lane[1] + v.lane[5]) + (v.lane[3] + v.lane[7]));
  }
  static inline unsigned above_mask(Vector a, Vector b) {
    unsigned mask = 0;
    for (size_t i = 0; i < kWidth; ++i) mask |= static_cast<unsigned>(a.lane[i] > b.lane[i]) << i;
    return mask;
  }
};

inline unsigned lowest_bit(unsigned mask) {
  unsigned bit = 0;
  while ((mask >> bit & 1) == 0) ++bit;
  return bit;
}

#include "kernels/finish_kernels.inc"
#include "kernels/scan_kernels.inc"

void slice_sums_f32(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                    float* sums) noexcept {
  float sum[16] = {};
  for (uint32_t step = 0; step < lengths[0]; ++step, columns += 16, weights += 16) {
    for (size_t lane = 0; lane < 16 && step < lengths[lane]; ++lane) sum[lane] += weights[lane] * x[columns[lane]];
  }
  std::memcpy(sums, sum, sizeof sum);
}

}  // namespace

const KernelTable kPortableKernels = {"portable",
                                  dot_f32,
                                  squared_distance_f32,
                                  dot_and_squared_norm_f32,
                                  finish_cosine_f32,
                                  finish_euclidean_f32,
                                  any_not_finite_f32,
                                  above_f32,
                                  below_f32,
                                  slice_sums_f32};

}  // namespace gearshift
