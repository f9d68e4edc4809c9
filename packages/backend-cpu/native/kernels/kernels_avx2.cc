// AVX2, FMA and F16C: 8 lanes.
#include <immintrin.h>

#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/elements.h"
#include "kernels/kernels.h"

namespace gearshift {
namespace {

#include "kernels/x86_sums.inc"

/** Ones for the first n of 8 lanes, read from the middle on. */
alignas(32) constexpr int32_t kFirstLanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

inline __m256i first_lanes(size_t count) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirstLanes + 8 - count));
}

template <class Word>
inline uint64_t load_word(const uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

/** The first 1 to 8 bytes, the rest zero, from two loads that may overlap. */
inline uint64_t first_bytes(const uint8_t* from, size_t count) {
  if (count >= 4) return load_word<uint32_t>(from) | load_word<uint32_t>(from + count - 4) << 8 * (count - 4);
  if (count >= 2) return load_word<uint16_t>(from) | load_word<uint16_t>(from + count - 2) << 8 * (count - 2);
  return *from;
}

/** The first 8 to 15 bytes: those behind the eighth, the rest zero. */
inline uint64_t later_bytes(const uint8_t* from, size_t count) {
  return count == 8 ? 0 : load_word<uint64_t>(from + count - 8) >> 8 * (16 - count);
}

inline __m256 widen(__m128i elements, const Float16*) { return _mm256_cvtph_ps(elements); }
inline __m256 widen(__m128i elements, const Bfloat16*) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(elements), 16));
}
inline __m256 widen(__m128i elements, const int8_t*) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(elements)); }

struct Lanes {
  using Vector = __m256;
  static constexpr size_t kWidth = 8;
  static constexpr int kTileRows = 3;
  static constexpr int kTileQueries = 2;
  static inline Vector zero() { return _mm256_setzero_ps(); }
  static inline Vector broadcast(float value) { return _mm256_set1_ps(value); }
  static inline Vector load(const float* from) { return _mm256_loadu_ps(from); }
  static inline Vector load_first(const float* from, size_t count) {
    return count == kWidth ? load(from) : _mm256_maskload_ps(from, first_lanes(count));
  }
  template <class Element>
  static inline Vector load(const Element* from) {
    const auto* const at = reinterpret_cast<const __m128i*>(from);
    return widen(sizeof(Element) == 2 ? _mm_loadu_si128(at) : _mm_loadl_epi64(at), from);
  }
  template <class Element>
  static inline Vector load_first(const Element* from, size_t count) {
    if (count == kWidth) return load(from);
    const auto* const at = reinterpret_cast<const uint8_t*>(from);
    const size_t bytes = count * sizeof(Element);
    const uint64_t low = bytes < 8 ? first_bytes(at, bytes) : load_word<uint64_t>(at);
    const uint64_t high = bytes < 8 ? 0 : later_bytes(at, bytes);
    return widen(_mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(low)), from);
  }
  static inline void store(float* to, Vector v) { _mm256_storeu_ps(to, v); }
  static inline Vector larger_magnitude(Vector most, Vector v) {
    return _mm256_max_ps(_mm256_max_ps(v, _mm256_sub_ps(_mm256_setzero_ps(), v)), most);
  }
  static inline Vector as_byte(Vector v) {
    return _mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), _mm256_set1_ps(255));
  }
  static inline Vector truncated(Vector v) { return _mm256_round_ps(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
  static inline void turn_quads(const float* from, size_t from_stride, float* to, size_t to_stride) {
    turn_four_quads(from, from_stride, to, to_stride);
  }
  static inline Vector kept(Vector v) {
#if defined(__GNUC__)
    asm("" : "+x"(v));  // GCC would load it again for each use
#endif
    return v;
  }
  static inline Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static inline Vector subtract(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
  static inline Vector multiply(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static inline __m128 quarter(Vector v) {
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  }
  static inline float sum(Vector v) { return sum_of(quarter(v)); }
  static inline void store_sums(const Vector (&v)[4], float* to) {
    store_sums_of(quarter(v[0]), quarter(v[1]), quarter(v[2]), quarter(v[3]), to);
  }
  /** Asks for the next so many bytes; behind the last row that asks for nothing. */
  template <size_t kBytes>
  static inline void prefetch(const void* from) {
    for (size_t i = 0; i < kBytes; i += 64) _mm_prefetch(static_cast<const char*>(from) + i, _MM_HINT_T0);
  }
  static inline unsigned above_mask(Vector a, Vector b) {
    return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)));
  }
};

inline unsigned lowest_bit(unsigned mask) { return static_cast<unsigned>(_tzcnt_u32(mask)); }

struct CodeLanes {
  using Bytes = __m256i;
  using Sums16 = __m256i;
  using Sums32 = __m256i;
  static constexpr size_t kBytes = 32;
  static constexpr int kRows = 2;  // more do not fit in 16 registers
  static constexpr int kQueries = 4;
  static constexpr bool kSumsAreWide = false;
  static constexpr int32_t kMiddleOfWhole = 0;
  static constexpr int32_t kMostPart = kMostWholePart;
  static inline Bytes load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static inline void store(void* to, Bytes v) { _mm256_storeu_si256(static_cast<__m256i*>(to), v); }
  static inline Bytes whole_of_low_halves(Bytes high, Bytes low) {
    const __m256i mask = _mm256_set1_epi8(15);
    return _mm256_or_si256(_mm256_slli_epi16(_mm256_and_si256(high, mask), 4), _mm256_and_si256(low, mask));
  }
  static inline Bytes whole_of_high_halves(Bytes high, Bytes low) {
    return _mm256_or_si256(_mm256_andnot_si256(_mm256_set1_epi8(15), high), high_halves(low));
  }
  static inline Bytes low_halves(Bytes v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
  static inline Bytes high_halves(Bytes v) { return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15)); }
  static inline Sums16 zero16() { return _mm256_setzero_si256(); }
  static inline Sums16 products(Bytes codes, Bytes query) { return _mm256_maddubs_epi16(codes, query); }
  static inline Sums16 add16(Sums16 a, Sums16 b) { return _mm256_add_epi16(a, b); }
  static inline Sums32 zero32() { return _mm256_setzero_si256(); }
  static inline Sums32 add_wide(Sums32 sums, Sums16 more) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(more, _mm256_set1_epi16(1)));
  }
  static inline Sums32 add_whole(Sums32 sums, Bytes codes, Bytes query) { return add_wide(sums, products(codes, query)); }
  static inline Sums32 weighted(Sums32 high, Sums32 low) {
    return _mm256_add_epi32(_mm256_mullo_epi32(high, _mm256_set1_epi32(kLowPartsOfCode)), low);
  }
  static inline int32_t total(Sums32 v) { return total_of(v); }
  static inline void store_totals(const Sums32 (&v)[kRows], int32_t* to) {
    for (int i = 0; i < kRows; ++i) to[i] = total(v[i]);
  }
};

#include "kernels/code_kernels.inc"
#include "kernels/encode_kernels.inc"
#include "kernels/finish_kernels.inc"
#include "kernels/scan_kernels.inc"

inline __m256d low_f64(__m256 v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
inline __m256d high_f64(__m256 v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }

template <bool kGathers>
inline void add_slice_sums(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                           double* sums) {
  for (size_t half = 0; half < 2; ++half) {
    const uint32_t* const lane_lengths = lengths + half * 8;
    const __m256i length_i32x8 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lane_lengths));
    const uint32_t* column = columns + half * 8;
    const float* weight = weights + half * 8;
    __m256d low_f64x4 = _mm256_loadu_pd(sums + half * 8);
    __m256d high_f64x4 = _mm256_loadu_pd(sums + half * 8 + 4);
    const auto add = [&](__m256d low_x_f64x4, __m256d high_x_f64x4) {
      low_f64x4 = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(weight)), low_x_f64x4, low_f64x4);
      high_f64x4 = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(weight + 4)), high_x_f64x4, high_f64x4);
    };
    uint32_t step = 0;
    if constexpr (!kGathers) {
      // As long as every lane has an edge.
      for (; step < lane_lengths[7]; ++step, column += 16, weight += 16) {
        prefetch_edges(column, weight);
        add(_mm256_cvtps_pd(load_apart(x, column)), _mm256_cvtps_pd(load_apart(x, column + 4)));
      }
    }
    for (; step < lane_lengths[0]; ++step, column += 16, weight += 16) {
      // With a mask also where every lane has an edge: a gather into no known register waits for the one before.
      const __m256i step_i32x8 = _mm256_set1_epi32(static_cast<int>(step));
      const __m256 present = _mm256_castsi256_ps(_mm256_cmpgt_epi32(length_i32x8, step_i32x8));
      const __m256i column_i32x8 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column));
      const __m256 x_f32x8 = _mm256_mask_i32gather_ps(_mm256_setzero_ps(), x, column_i32x8, present, 4);
      add(low_f64(x_f32x8), high_f64(x_f32x8));
    }
    _mm256_storeu_pd(sums + half * 8, low_f64x4);
    _mm256_storeu_pd(sums + half * 8 + 4, high_f64x4);
  }
}

void add_slice_sums_f32(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                        double* sums) noexcept {
  add_slice_sums<true>(columns, weights, lengths, x, sums);
}

void add_slice_sums_by_loads_f32(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                                 double* sums) noexcept {
  add_slice_sums<false>(columns, weights, lengths, x, sums);
}

}  // namespace

const KernelTable kAvx2Kernels = {"avx2",
                                  GEARSHIFT_SCAN_KERNELS,
                                  finish_cosine_f32,
                                  finish_euclidean_f32,
                                  any_not_finite_f32,
                                  above_f32,
                                  below_f32,
                                  {CodeLanes::kMostPart, code_sums, code_sums_chosen, code_bounds, code_limits, code_whole_sums, code_whole_bounds, nullptr, nullptr},
                                  {transform_row, code_row},
                                  add_slice_sums_f32,
                                  add_slice_sums_by_loads_f32};

}  // namespace gearshift
