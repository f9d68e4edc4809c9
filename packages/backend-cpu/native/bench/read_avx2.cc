#include <immintrin.h>

#include "bench/read_kernels.h"

namespace gearshift::bench {
namespace {

using Vector = __m256;
inline Vector zero() { return _mm256_setzero_ps(); }
inline Vector load(const float* from) { return _mm256_loadu_ps(from); }
inline Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
inline float first(Vector v) { return _mm256_cvtss_f32(v); }
inline void prefetch(const char* address) { _mm_prefetch(address, _MM_HINT_T0); }

#include "bench/read_kernels.inc"

}  // namespace

const ReadKernel kAvx2Reads[] = {{"1 stream", read_sequential},
                                 {"2 streams", read_streams<2, 0>},
                                 {"4 streams", read_streams<4, 0>},
                                 {"2 streams, prefetch 4 KiB", read_streams<2, 4096>},
                                 {"4 streams, prefetch 4 KiB", read_streams<4, 4096>},
                                 {nullptr, nullptr}};

}  // namespace gearshift::bench
