// AVX-512 (F, BW, DQ, VL): 16 lanes.
#if defined(GEARSHIFT_EMULATE_AVX512)
#include "emulated_avx512.h"  // of the native tests: the same intrinsics in plain C++
#else
#include <immintrin.h>
#endif

#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/elements.h"
#include "kernels/kernels.h"

namespace gearshift {
namespace {

#include "kernels/x86_sums.inc"

inline __m512 widen(__m256i elements, const Float16*) { return _mm512_cvtph_ps(elements); }
inline __m512 widen(__m256i elements, const Bfloat16*) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(elements), 16));
}
inline __m512 widen(__m128i elements, const int8_t*) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(elements)); }

struct Lanes {
  using Vector = __m512;
  static constexpr size_t kWidth = 16;
  static constexpr int kTileRows = 3;
  static constexpr int kTileQueries = 4;
  static inline Vector zero() { return _mm512_setzero_ps(); }
  static inline Vector broadcast(float value) { return _mm512_set1_ps(value); }
  static inline Vector load(const float* from) { return _mm512_loadu_ps(from); }
  static inline Vector load_first(const float* from, size_t count) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
  }
  template <class Element>
  static inline Vector load(const Element* from) {
    if constexpr (sizeof(Element) == 2) return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)), from);
    else return widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), from);
  }
  template <class Element>
  static inline Vector load_first(const Element* from, size_t count) {
    const auto mask = static_cast<__mmask16>((1u << count) - 1);
    if constexpr (sizeof(Element) == 2) return widen(_mm256_maskz_loadu_epi16(mask, from), from);
    else return widen(_mm_maskz_loadu_epi8(mask, from), from);
  }
  static inline void store(float* to, Vector v) { _mm512_storeu_ps(to, v); }
  static inline Vector larger_magnitude(Vector most, Vector v) {
    return _mm512_max_ps(_mm512_max_ps(v, _mm512_sub_ps(_mm512_setzero_ps(), v)), most);
  }
  static inline Vector as_byte(Vector v) {
    return _mm512_min_ps(_mm512_max_ps(v, _mm512_setzero_ps()), _mm512_set1_ps(255));
  }
  static inline Vector truncated(Vector v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
  static inline void turn_quads(const float* from, size_t from_stride, float* to, size_t to_stride) {
    turn_four_quads(from, from_stride, to, to_stride);
  }
  static inline Vector kept(Vector v) {
#if defined(__GNUC__) && !defined(GEARSHIFT_EMULATE_AVX512)
    asm("" : "+v"(v));  // GCC would load it again for each use
#endif
    return v;
  }
  static inline Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static inline Vector subtract(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  static inline Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static inline __m128 quarter(Vector v) {
    // Spelled out: what _mm512_reduce_add_ps adds in which order is the compiler's choice.
    const __m256 low = _mm512_castps512_ps256(v);
    const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
    const __m256 sum_f32x8 = _mm256_add_ps(low, high);
    return _mm_add_ps(_mm256_castps256_ps128(sum_f32x8), _mm256_extractf128_ps(sum_f32x8, 1));
  }
  static inline float sum(Vector v) { return sum_of(quarter(v)); }
  static inline void store_sums(const Vector (&v)[4], float* to) {
    store_sums_of(quarter(v[0]), quarter(v[1]), quarter(v[2]), quarter(v[3]), to);
  }
  template <size_t kBytes>
  static inline void prefetch(const void*) {}  // not known to pay
  static inline unsigned above_mask(Vector a, Vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
};

inline unsigned lowest_bit(unsigned mask) { return static_cast<unsigned>(__builtin_ctz(mask)); }

#include "kernels/avx512_code_bytes.inc"

struct CodeLanes : CodeBytes {
  using Sums16 = __m512i;
  static constexpr bool kSumsAreWide = false;
  static constexpr int32_t kMostPart = kMostWholePart;
  static inline Sums16 zero16() { return _mm512_setzero_si512(); }
  static inline Sums16 products(Bytes codes, Bytes query) { return _mm512_maddubs_epi16(codes, query); }
  static inline Sums16 add16(Sums16 a, Sums16 b) { return _mm512_add_epi16(a, b); }
  static inline Sums32 add_wide(Sums32 sums, Sums16 more) {
    return _mm512_add_epi32(sums, _mm512_madd_epi16(more, _mm512_set1_epi16(1)));
  }
  static inline Sums32 add_whole(Sums32 sums, Bytes codes, Bytes query) { return add_wide(sums, products(codes, query)); }
};

#include "kernels/code_kernels.inc"
#include "kernels/encode_kernels.inc"
#include "kernels/finish_kernels.inc"
#include "kernels/scan_kernels.inc"

inline __m512d low_f64(__m512 v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
inline __m512d high_f64(__m512 v) {
  return _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)));
}

template <bool kGathers>
inline void add_slice_sums(const uint32_t* columns, const float* weights, const uint32_t* lengths, const float* x,
                           double* sums) {
  const __m512i length_i32x16 = _mm512_loadu_si512(lengths);
  __m512d low_f64x8 = _mm512_loadu_pd(sums);
  __m512d high_f64x8 = _mm512_loadu_pd(sums + 8);
  const auto add = [&](__m512d low_x_f64x8, __m512d high_x_f64x8) {
    low_f64x8 = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(weights)), low_x_f64x8, low_f64x8);
    high_f64x8 = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(weights + 8)), high_x_f64x8, high_f64x8);
  };
  uint32_t step = 0;
  if constexpr (!kGathers) {
    // As long as every lane has an edge.
    for (; step < lengths[15]; ++step, columns += 16, weights += 16) {
      prefetch_edges(columns, weights);
      add(_mm512_cvtps_pd(_mm256_set_m128(load_apart(x, columns + 4), load_apart(x, columns))),
          _mm512_cvtps_pd(_mm256_set_m128(load_apart(x, columns + 12), load_apart(x, columns + 8))));
    }
  }
  for (; step < lengths[0]; ++step, columns += 16, weights += 16) {
    prefetch_edges(columns, weights);
    // With a mask also where every lane has an edge: a gather into no known register waits for the one before.
    const __mmask16 present = _mm512_cmpgt_epi32_mask(length_i32x16, _mm512_set1_epi32(static_cast<int>(step)));
    const __m512 x_f32x16 =
        _mm512_mask_i32gather_ps(_mm512_setzero_ps(), present, _mm512_loadu_si512(columns), x, 4);
    add(low_f64(x_f32x16), high_f64(x_f32x16));
  }
  _mm512_storeu_pd(sums, low_f64x8);
  _mm512_storeu_pd(sums + 8, high_f64x8);
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

const KernelTable kAvx512Kernels = {"avx512",
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
