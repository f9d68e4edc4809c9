// Rows in fewer bits, each with a factor of its own and with what was lost, so that scores made from them can be bounded.
//
// A row y becomes n with y ~ factor * n; error is |y - factor * n| / |y|, rounded up, and NaN where that cannot be told. Cost: the
// rows are read two or three times, by a warp each.
#include "kernels/warp_mma.cuh"

namespace gearshift::cuda {

/** Room for the rounding of the sums below, over up to 2^20 elements. */
constexpr float kErrorMargin = 1.01f;
/** What the second of two levels is worth, as a part of the first. */
constexpr float kLevelRatio = 1.0f / 254.0f;

__device__ inline float largest_magnitude(const float* row, uint32_t dimensions) {
  float largest = 0.0f;
  for (uint32_t i = lane_number(); i < dimensions; i += kWarp) largest = fmaxf(largest, fabsf(row[i]));
  for (uint32_t offset = kWarp / 2; offset > 0; offset /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, offset));
  }
  return largest;
}

/** From each lane's sums of squares: of what was lost, and of all. A row of zeros lost nothing. */
__device__ inline float relative_error(float lost, float all) {
  float sums[2] = {lost, all};
  const float own = warp_sums<2>(sums);
  const float other = __shfl_xor_sync(kAllLanes, own, kWarp / 2);
  const bool has_lost = lane_number() < kWarp / 2;
  const float lost_sum = has_lost ? own : other;
  const float all_sum = has_lost ? other : own;
  return all_sum == 0.0f ? 0.0f : sqrtf(lost_sum / all_sum) * kErrorMargin;
}

/** kLevels int8 for each element, the levels one after the other. */
template <uint32_t kLevels>
__device__ inline void narrow_to_int8(const float* row, uint32_t dimensions, uint32_t narrow_stride, int8_t* narrow,
                                      float* factor, float* error) {
  const float largest = largest_magnitude(row, dimensions);
  const float step = largest / 127.0f;
  const float steps_per_unit = largest == 0.0f ? 0.0f : 127.0f / largest;
  float lost = 0.0f;
  float all = 0.0f;
  for (uint32_t i = lane_number(); i < narrow_stride; i += kWarp) {
    const float steps = i < dimensions ? row[i] * steps_per_unit : 0.0f;
    // Written so that what is not finite becomes 0 here, and shows in the error.
    const float first = fabsf(steps) <= 127.5f ? rintf(fminf(fmaxf(steps, -127.0f), 127.0f)) : 0.0f;
    narrow[i] = static_cast<int8_t>(first);
    float rest = steps - first;
    if constexpr (kLevels == 2) {
      const float second = fabsf(rest) <= 1.0f ? rintf(fminf(fmaxf(rest / kLevelRatio, -127.0f), 127.0f)) : 0.0f;
      narrow[narrow_stride + i] = static_cast<int8_t>(second);
      rest -= second * kLevelRatio;
    }
    lost = fmaf(rest, rest, lost);
    all = fmaf(steps, steps, all);
  }
  const float relative = relative_error(lost, all);
  if (lane_number() != 0) return;
  *factor = step;
  // What the divisions above rounded away, for every element.
  *error = largest == 0.0f ? 0.0f : relative + 1e-6f;
}

}  // namespace gearshift::cuda

using namespace gearshift::cuda;

/**
 * narrow[(first + i) * narrow_stride ..], factors[first + i] and errors[first + i] of rows [first, first + count): float16, the
 * largest of a row near 1. A warp for each row.
 */
GEARSHIFT_KERNEL(kScanThreads, narrow_rows_f16, const float* rows, uint32_t stride, uint32_t dimensions, uint64_t first,
                 uint64_t count, uint32_t narrow_stride, uint16_t* narrow, float* factors, float* errors) {
  const uint64_t i = static_cast<uint64_t>(blockIdx.x) * kScanWarps + threadIdx.x / kWarp;
  if (i >= count) return;
  const float* row = rows + (first + i) * stride;
  uint16_t* own = narrow + (first + i) * narrow_stride;
  const float largest = largest_magnitude(row, dimensions);
  // The power of two at or below it: dividing by it loses nothing.
  const uint32_t exponent_bits = __float_as_uint(largest) & 0x7f800000u;
  const float factor = exponent_bits == 0 ? 1.0f : __uint_as_float(exponent_bits);
  float lost = 0.0f;
  float all = 0.0f;
  for (uint32_t j = lane_number(); j < narrow_stride; j += kWarp) {
    const float scaled = j < dimensions ? row[j] / factor : 0.0f;
    const uint16_t bits = half_bits_of(scaled);
    own[j] = bits;
    const float rest = scaled - float_of_half_bits(bits);
    lost = fmaf(rest, rest, lost);
    all = fmaf(scaled, scaled, all);
  }
  const float relative = relative_error(lost, all);
  if (lane_number() != 0) return;
  factors[first + i] = factor;
  errors[first + i] = relative;
}

/** The same in int8: the largest of a row is 127. */
GEARSHIFT_KERNEL(kScanThreads, narrow_rows_int8, const float* rows, uint32_t stride, uint32_t dimensions, uint64_t first,
                 uint64_t count, uint32_t narrow_stride, int8_t* narrow, float* factors, float* errors) {
  const uint64_t i = static_cast<uint64_t>(blockIdx.x) * kScanWarps + threadIdx.x / kWarp;
  if (i >= count) return;
  const uint64_t row = first + i;
  narrow_to_int8<1>(rows + row * stride, dimensions, narrow_stride, narrow + row * narrow_stride, factors + row, errors + row);
}

/** Queries are few: a second level costs little and loses almost nothing. 2 * narrow_stride bytes for each. */
GEARSHIFT_KERNEL(kScanThreads, narrow_queries_int8, const float* rows, uint32_t stride, uint32_t dimensions, uint64_t first,
                 uint64_t count, uint32_t narrow_stride, int8_t* narrow, float* factors, float* errors) {
  const uint64_t i = static_cast<uint64_t>(blockIdx.x) * kScanWarps + threadIdx.x / kWarp;
  if (i >= count) return;
  const uint64_t row = first + i;
  narrow_to_int8<2>(rows + row * stride, dimensions, narrow_stride, narrow + row * 2 * narrow_stride, factors + row,
                    errors + row);
}
