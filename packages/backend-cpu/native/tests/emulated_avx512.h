#pragma once

// The intrinsics of kernels_avx512.cc in plain C++, so that its code runs on CPUs without AVX-512: SIMDe, and the few that
// its version 0.7.4 lacks. What this cannot show: that the compiler's own intrinsics do the same.

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <cstring>

static inline __m512 gearshift_maskz_loadu_ps(__mmask16 mask, const void* from) {
  float lanes[16] = {};
  for (int i = 0; i < 16; ++i)
    if (mask >> i & 1) std::memcpy(&lanes[i], static_cast<const char*>(from) + i * sizeof(float), sizeof(float));
  return _mm512_loadu_ps(lanes);
}
#define _mm512_maskz_loadu_ps(mask, from) gearshift_maskz_loadu_ps(mask, from)

static inline __m512 gearshift_mask_i32gather_ps(__m512 source, __mmask16 mask, __m512i index, const void* base,
                                                 int scale) {
  float lanes[16];
  int32_t offsets[16];
  _mm512_storeu_ps(lanes, source);
  _mm512_storeu_si512(offsets, index);
  for (int i = 0; i < 16; ++i) {
    const char* const at = static_cast<const char*>(base) + static_cast<int64_t>(offsets[i]) * scale;
    if (mask >> i & 1) std::memcpy(&lanes[i], at, sizeof(float));
  }
  return _mm512_loadu_ps(lanes);
}
#define _mm512_mask_i32gather_ps(source, mask, index, base, scale) \
  gearshift_mask_i32gather_ps(source, mask, index, base, scale)

static inline __m512d gearshift_cvtps_pd(__m256 v) {
  float lanes[8];
  double wide[8];
  _mm256_storeu_ps(lanes, v);
  for (int i = 0; i < 8; ++i) wide[i] = lanes[i];
  return _mm512_loadu_pd(wide);
}
#define _mm512_cvtps_pd(v) gearshift_cvtps_pd(v)

/** The elements of 1 or 2 bytes that a mask selects, the rest zero; nothing else is read. */
template <typename Vector, typename Element>
static inline Vector gearshift_maskz_loadu(unsigned mask, const void* from) {
  Element lanes[16] = {};
  for (int i = 0; i < 16; ++i)
    if (mask >> i & 1) std::memcpy(&lanes[i], static_cast<const char*>(from) + i * sizeof(Element), sizeof(Element));
  Vector v;
  static_assert(sizeof v == sizeof lanes, "16 lanes");
  std::memcpy(&v, lanes, sizeof v);
  return v;
}
#define _mm256_maskz_loadu_epi16(mask, from) gearshift_maskz_loadu<__m256i, uint16_t>(mask, from)
#define _mm_maskz_loadu_epi8(mask, from) gearshift_maskz_loadu<__m128i, int8_t>(mask, from)

/** Each of 16 lanes converted to another type. */
template <typename Vector, typename To, typename From, typename Source>
static inline Vector gearshift_convert(const Source& source) {
  From from[16];
  To to[16];
  static_assert(sizeof source == sizeof from && sizeof(Vector) == sizeof to, "16 lanes");
  std::memcpy(from, &source, sizeof source);
  for (int i = 0; i < 16; ++i) to[i] = static_cast<To>(from[i]);
  Vector v;
  std::memcpy(&v, to, sizeof v);
  return v;
}
#define _mm512_cvtepu16_epi32(v) gearshift_convert<__m512i, int32_t, uint16_t>(v)
#define _mm512_cvtepi8_epi32(v) gearshift_convert<__m512i, int32_t, int8_t>(v)
#define _mm512_cvtepi32_ps(v) gearshift_convert<__m512, float, int32_t>(v)

static inline __m512 gearshift_cvtph_ps(__m256i v) {
  float lanes[16];
  _mm256_storeu_ps(lanes, _mm256_cvtph_ps(_mm256_castsi256_si128(v)));
  _mm256_storeu_ps(lanes + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1)));
  return _mm512_loadu_ps(lanes);
}
#define _mm512_cvtph_ps(v) gearshift_cvtph_ps(v)

/** SIMDe takes two more arguments. */
static inline __m512i gearshift_madd_epi16(__m512i a, __m512i b) {
  int16_t left[32];
  int16_t right[32];
  int32_t sums[16];
  _mm512_storeu_si512(left, a);
  _mm512_storeu_si512(right, b);
  for (int i = 0; i < 16; ++i) sums[i] = left[2 * i] * right[2 * i] + left[2 * i + 1] * right[2 * i + 1];
  return _mm512_loadu_si512(sums);
}
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) gearshift_madd_epi16(a, b)

static inline __m512i gearshift_srai_epi32(__m512i v, unsigned bits) {
  int32_t lanes[16];
  _mm512_storeu_si512(lanes, v);
  for (int32_t& lane : lanes) lane >>= bits;
  return _mm512_loadu_si512(lanes);
}
#undef _mm512_srai_epi32
#define _mm512_srai_epi32(v, bits) gearshift_srai_epi32(v, bits)

static inline void gearshift_mask_storeu_epi32(void* to, __mmask16 mask, __m512i v) {
  int32_t lanes[16];
  _mm512_storeu_si512(lanes, v);
  for (int i = 0; i < 16; ++i)
    if (mask >> i & 1) std::memcpy(static_cast<char*>(to) + i * sizeof(int32_t), &lanes[i], sizeof(int32_t));
}
#define _mm512_mask_storeu_epi32(to, mask, v) gearshift_mask_storeu_epi32(to, mask, v)

/** Two quarters of each of two vectors. */
static inline __m512i gearshift_shuffle_i32x4(__m512i a, __m512i b, int chosen) {
  int32_t first[16], second[16], lanes[16];
  _mm512_storeu_si512(first, a);
  _mm512_storeu_si512(second, b);
  for (int quarter = 0; quarter < 4; ++quarter) {
    const int32_t* const from = (quarter < 2 ? first : second) + 4 * (chosen >> 2 * quarter & 3);
    std::memcpy(&lanes[4 * quarter], from, 4 * sizeof(int32_t));
  }
  return _mm512_loadu_si512(lanes);
}
#undef _mm512_shuffle_i32x4
#define _mm512_shuffle_i32x4(a, b, chosen) gearshift_shuffle_i32x4(a, b, chosen)

/** A function of AVX for both halves. */
template <typename Function>
static inline __m512 gearshift_of_halves(__m512 a, __m512 b, const Function& function) {
  float left[16], right[16], results[16];
  _mm512_storeu_ps(left, a);
  _mm512_storeu_ps(right, b);
  for (int half = 0; half < 16; half += 8)
    _mm256_storeu_ps(results + half, function(_mm256_loadu_ps(left + half), _mm256_loadu_ps(right + half)));
  return _mm512_loadu_ps(results);
}
#undef _mm512_max_ps
#undef _mm512_min_ps
#undef _mm512_roundscale_ps
#define _mm512_max_ps(a, b) gearshift_of_halves(a, b, [](__m256 x, __m256 y) { return _mm256_max_ps(x, y); })
#define _mm512_min_ps(a, b) gearshift_of_halves(a, b, [](__m256 x, __m256 y) { return _mm256_min_ps(x, y); })
#define _mm512_roundscale_ps(v, mode) gearshift_of_halves(v, v, [](__m256 x, __m256) { return _mm256_round_ps(x, mode); })
