#pragma once

#include "dispatch/kernel_table.h"

namespace gearshift {

// One table per instruction set, each in a translation unit of its own that is compiled for it. Which of them a build has
// is decided by CMakeLists.txt, which defines the macros.
extern const KernelTable kPortableKernels;
#if defined(GEARSHIFT_HAS_AVX2)
extern const KernelTable kAvx2Kernels;
#endif
#if defined(GEARSHIFT_HAS_AVX512)
extern const KernelTable kAvx512Kernels;
extern const CodeKernels kAvx512VnniCodes;
#endif
#if defined(GEARSHIFT_HAS_AMX)
void lay_out_queries_amx(const int8_t* parts, size_t query_count, size_t dimensions, int8_t* laid_out) noexcept;
void code_laid_out_sums_amx(const int8_t* laid_out, size_t query_count, const uint8_t* high, const uint8_t* low,
                            size_t row_count, size_t bytes, int32_t* out, size_t out_stride) noexcept;
#endif
#if defined(GEARSHIFT_HAS_NEON)
extern const KernelTable kNeonKernels;
#endif

}  // namespace gearshift
