// What every kernel file begins with. The same sources are compiled by nvcc and, with a header of the simulator in front,
// by a C++ compiler: so they use what both have, and say fmaf where they mean a fused multiply-add.
#pragma once

#include <stdint.h>

#include "kernels/geometry.h"

#ifndef GEARSHIFT_KERNEL
#define GEARSHIFT_KERNEL(threads, name, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)
#endif

namespace gearshift::cuda {

constexpr uint32_t kAllLanes = 0xffffffffu;

__device__ inline uint32_t lane_number() { return threadIdx.x % kWarp; }

__device__ inline float quiet_nan() { return __uint_as_float(0x7fc00000u); }

__device__ inline bool is_not_finite(float value) { return (__float_as_uint(value) & 0x7f800000u) == 0x7f800000u; }

/** The sum over the lanes, in every lane. */
__device__ inline double warp_sum(double value) {
  for (uint32_t offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

/** A step of warp_sums: `left` values in each lane, lanes `offset` apart exchange. */
template <uint32_t left, uint32_t offset>
__device__ inline void add_across(float* values) {
  if constexpr (left > 1) {
    const bool keeps_upper = (lane_number() & offset) != 0;
#pragma unroll
    for (uint32_t i = 0; i < left / 2; ++i) {
      const float kept = keeps_upper ? values[i + left / 2] : values[i];
      const float given = keeps_upper ? values[i] : values[i + left / 2];
      values[i] = kept + __shfl_xor_sync(kAllLanes, given, offset);
    }
  } else {
    values[0] += __shfl_xor_sync(kAllLanes, values[0], offset);
  }
  if constexpr (offset > 1) add_across<(left > 1 ? left / 2 : 1), offset / 2>(values);
}

/**
 * Sums `count` values over the lanes of a warp, all at once: lane i ends with value i / (32 / count). Each step hands half of
 * the values to the other half of the lanes, and every value is added up in the same tree whatever `count` is, so a row's
 * score has the same bits however many rows and queries are worked on together.
 */
template <uint32_t count>
__device__ inline float warp_sums(float (&values)[count]) {
  static_assert(count <= kWarp && (count & (count - 1)) == 0, "a power of two");
  add_across<count, kWarp / 2>(values);
  return values[0];
}

/*
 * Keys: 64 bits that compare like results. The upper half orders scores, best highest, NaN lowest; the lower half makes the
 * lower row win a tie. All keys of a request differ. 0 stands for no key.
 */

__device__ inline uint64_t key_of(float score, bool smaller_is_better, uint32_t row) {
  uint32_t order = 0;
  if (score == score) {
    const uint32_t bits = __float_as_uint(score == 0.0f ? 0.0f : score);  // the two zeros are a tie
    const uint32_t ascending = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    order = smaller_is_better ? ~ascending : ascending;
  }
  return static_cast<uint64_t>(order) << 32 | static_cast<uint32_t>(~row);
}

/** The rows that are considered, one bit each as in the words of a row set. */
struct RowBits {
  const uint32_t* words;  // null: all rows
  uint64_t first_bit;     // of row 0
  __device__ bool has(uint64_t i) const {
    const uint64_t bit = first_bit + i;
    return words == nullptr || (words[bit / 32] >> (bit % 32) & 1) != 0;
  }
};

/** The score of a key, the other way round. */
__device__ inline float score_of(uint64_t key, bool smaller_is_better) {
  uint32_t order = static_cast<uint32_t>(key >> 32);
  if (order == 0) return quiet_nan();
  if (smaller_is_better) order = ~order;
  return __uint_as_float((order & 0x80000000u) != 0 ? order & 0x7fffffffu : ~order);
}

}  // namespace gearshift::cuda
