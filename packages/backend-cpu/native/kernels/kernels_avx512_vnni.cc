// The kernels of codes for CPUs with AVX-512 and VNNI, which multiply bytes and add up in 32 bits at once.
#if defined(GEARSHIFT_EMULATE_AVX512)
#include "emulated_avx512.h"  // of the native tests: the same intrinsics in plain C++
#else
#include <immintrin.h>
#endif

#include <cmath>
#include <cstring>

#include "kernels/kernels.h"

namespace gearshift {
namespace {

#include "kernels/x86_sums.inc"

#include "kernels/avx512_code_bytes.inc"

struct CodeLanes : CodeBytes {
  static constexpr bool kSumsAreWide = true;
  static constexpr int32_t kMostPart = kMostWidePart;
  static inline Sums32 dot(Sums32 sums, Bytes codes, Bytes query) {
#if defined(__GNUC__) && !defined(__clang__) && !defined(GEARSHIFT_EMULATE_AVX512)
    // GCC 12 copies the sums before and after each of its own intrinsics, which takes twice the time.
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(codes), "v"(query));
    return sums;
#else
    return _mm512_dpbusd_epi32(sums, codes, query);
#endif
  }
  static inline Sums32 add_whole(Sums32 sums, Bytes codes, Bytes query) { return dot(sums, codes, query); }
  static inline Bytes upper_halves(Bytes v) { return _mm512_andnot_si512(_mm512_set1_epi8(15), v); }
  static inline Sums32 sixteenth(Sums32 v) { return _mm512_srai_epi32(v, 4); }
};

#include "kernels/code_kernels.inc"

}  // namespace

const CodeKernels kAvx512VnniCodes = {CodeLanes::kMostPart, code_sums,         code_sums_chosen, code_bounds, code_limits,
                                      code_whole_sums,      code_whole_bounds, nullptr,          nullptr};

}  // namespace gearshift
