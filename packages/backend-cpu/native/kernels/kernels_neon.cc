// NEON of 64-bit Arm: two vectors of 4 as 8 lanes, so that four accumulators hide the latency of a multiply-add.
#include <arm_neon.h>

#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/elements.h"
#include "kernels/kernels.h"

namespace gearshift {
namespace {

struct Lanes {
  using Vector = float32x4x2_t;
  static constexpr size_t kWidth = 8;
  static constexpr int kTileRows = 2;
  static constexpr int kTileQueries = 2;
  static inline Vector zero() { return broadcast(0); }
  static inline Vector broadcast(float value) { return {{vdupq_n_f32(value), vdupq_n_f32(value)}}; }
  static inline Vector load(const float* from) { return {{vld1q_f32(from), vld1q_f32(from + 4)}}; }
  static inline Vector load(const Float16* from) {
    const float16x8_t halves = vreinterpretq_f16_u16(load_halves(from));
    return {{vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)}};
  }
  static inline Vector load(const Bfloat16* from) {
    const uint16x8_t halves = load_halves(from);
    return {{vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(vget_low_u16(halves)), 16)),
             vreinterpretq_f32_u32(vshlq_n_u32(vmovl_high_u16(halves), 16))}};
  }
  static inline Vector load(const int8_t* from) {
    const int16x8_t wide = vmovl_s8(vld1_s8(from));
    return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), vcvtq_f32_s32(vmovl_high_s16(wide))}};
  }
  template <class Element>
  static inline Vector load_first(const Element* from, size_t count) {
    if (count == kWidth) return load(from);
    Element lanes[kWidth] = {};
    std::memcpy(lanes, from, count * sizeof(Element));
    return load(lanes);
  }
  static inline void store(float* to, Vector v) {
    vst1q_f32(to, v.val[0]);
    vst1q_f32(to + 4, v.val[1]);
  }
  static inline Vector larger_magnitude(Vector most, Vector v) {
    return {{vmaxnmq_f32(most.val[0], vabsq_f32(v.val[0])), vmaxnmq_f32(most.val[1], vabsq_f32(v.val[1]))}};
  }
  static inline Vector as_byte(Vector v) { return {{as_byte(v.val[0]), as_byte(v.val[1])}}; }
  static inline Vector truncated(Vector v) { return {{vrndq_f32(v.val[0]), vrndq_f32(v.val[1])}}; }
  static inline void turn_quads(const float* from, size_t from_stride, float* to, size_t to_stride) {
    float32x4x4_t rows;
    for (int i = 0; i < 4; ++i) rows.val[i] = vld1q_f32(from + static_cast<size_t>(i) * from_stride);
    float turned[16];
    vst4q_f32(turned, rows);  // element by element of each: the columns
    for (size_t i = 0; i < 4; ++i) vst1q_f32(to + i * to_stride, vld1q_f32(turned + 4 * i));
  }
  static inline Vector kept(Vector v) { return v; }
  static inline Vector add(Vector a, Vector b) {
    return {{vaddq_f32(a.val[0], b.val[0]), vaddq_f32(a.val[1], b.val[1])}};
  }
  static inline Vector subtract(Vector a, Vector b) {
    return {{vsubq_f32(a.val[0], b.val[0]), vsubq_f32(a.val[1], b.val[1])}};
  }
  static inline Vector multiply(Vector a, Vector b) {
    return {{vmulq_f32(a.val[0], b.val[0]), vmulq_f32(a.val[1], b.val[1])}};
  }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) {
    return {{vfmaq_f32(c.val[0], a.val[0], b.val[0]), vfmaq_f32(c.val[1], a.val[1], b.val[1])}};
  }
  static inline float sum(Vector v) { return vaddvq_f32(vaddq_f32(v.val[0], v.val[1])); }
  static inline void store_sums(const Vector (&v)[4], float* to) {
    for (size_t i = 0; i < 4; ++i) to[i] = sum(v[i]);
  }
  template <size_t kBytes>
  static inline void prefetch(const void*) {}  // not known to pay
  static inline unsigned above_mask(Vector a, Vector b) {
    const uint32x4_t low_bits = {1, 2, 4, 8};
    const uint32x4_t high_bits = {16, 32, 64, 128};
    const uint32x4_t low = vandq_u32(vcgtq_f32(a.val[0], b.val[0]), low_bits);
    const uint32x4_t high = vandq_u32(vcgtq_f32(a.val[1], b.val[1]), high_bits);
    return vaddvq_u32(vorrq_u32(low, high));
  }

 private:
  static inline float32x4_t as_byte(float32x4_t v) { return vminq_f32(vmaxnmq_f32(v, vdupq_n_f32(0)), vdupq_n_f32(255)); }
  static inline uint16x8_t load_halves(const void* from) { return vld1q_u16(static_cast<const uint16_t*>(from)); }
};

inline unsigned lowest_bit(unsigned mask) { return static_cast<unsigned>(__builtin_ctz(mask)); }

struct CodeLanes {
  using Bytes = uint8x16_t;
  using Sums16 = int16x8_t;
  using Sums32 = int32x4_t;
  static constexpr size_t kBytes = 16;
  static constexpr int kRows = 4;
  static constexpr int kQueries = 4;
  static constexpr bool kSumsAreWide = false;
  static constexpr int32_t kMiddleOfWhole = 128;  // there are only products of signed bytes
  static constexpr int32_t kMostPart = kMostWidePart;
  static inline Bytes load(const void* from) { return vld1q_u8(static_cast<const uint8_t*>(from)); }
  static inline void store(void* to, Bytes v) { vst1q_u8(static_cast<uint8_t*>(to), v); }
  static inline Bytes whole_of_low_halves(Bytes high, Bytes low) {
    return veorq_u8(vsliq_n_u8(low_halves(low), high, 4), vdupq_n_u8(128));
  }
  static inline Bytes whole_of_high_halves(Bytes high, Bytes low) {
    return veorq_u8(vsriq_n_u8(high, low, 4), vdupq_n_u8(128));
  }
  static inline Bytes low_halves(Bytes v) { return vandq_u8(v, vdupq_n_u8(15)); }
  static inline Bytes high_halves(Bytes v) { return vshrq_n_u8(v, 4); }
  static inline Sums16 zero16() { return vdupq_n_s16(0); }
  static inline Sums16 products(Bytes codes, Bytes query) {
    const int8x16_t a = vreinterpretq_s8_u8(codes);
    const int8x16_t b = vreinterpretq_s8_u8(query);
    return vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vmull_high_s8(a, b));
  }
  static inline Sums16 add16(Sums16 a, Sums16 b) { return vaddq_s16(a, b); }
  static inline Sums32 zero32() { return vdupq_n_s32(0); }
  static inline Sums32 add_wide(Sums32 sums, Sums16 more) { return vpadalq_s16(sums, more); }
  static inline Sums32 add_whole(Sums32 sums, Bytes codes, Bytes query) {
    const int8x16_t a = vreinterpretq_s8_u8(codes);
    const int8x16_t b = vreinterpretq_s8_u8(query);
    return vpadalq_s16(sums, vmlal_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), a, b));
  }
  static inline Sums32 weighted(Sums32 high, Sums32 low) { return vmlaq_n_s32(low, high, kLowPartsOfCode); }
  static inline int32_t total(Sums32 v) { return vaddvq_s32(v); }
  static inline void store_totals(const Sums32 (&v)[kRows], int32_t* to) {
    vst1q_s32(to, vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3])));
  }
};

#include "kernels/code_kernels.inc"
#include "kernels/encode_kernels.inc"
#include "kernels/finish_kernels.inc"
#include "kernels/scan_kernels.inc"

// There is no gather: one lane at a time, two lanes in flight.
void add_slice_sums_f32(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                        double* sums) noexcept {
  double sum[16];
  std::memcpy(sum, sums, sizeof sum);
  for (uint32_t step = 0; step < lengths[0]; ++step, columns += 16, weights += 16) {
    for (size_t lane = 0; lane < 16 && step < lengths[lane]; ++lane)
      sum[lane] = std::fma(static_cast<double>(weights[lane]), static_cast<double>(x[columns[lane]]), sum[lane]);
  }
  std::memcpy(sums, sum, sizeof sum);
}

}  // namespace

const KernelTable kNeonKernels = {"neon",
                                  GEARSHIFT_SCAN_KERNELS,
                                  finish_cosine_f32,
                                  finish_euclidean_f32,
                                  any_not_finite_f32,
                                  above_f32,
                                  below_f32,
                                  {CodeLanes::kMostPart, code_sums, code_sums_chosen, code_bounds, code_limits, code_whole_sums, code_whole_bounds, nullptr, nullptr},
                                  {transform_row, code_row},
                                  add_slice_sums_f32,
                                  add_slice_sums_f32};

}  // namespace gearshift
