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
