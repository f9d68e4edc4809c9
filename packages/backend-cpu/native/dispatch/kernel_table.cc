#include "dispatch/kernel_table.h"

#include "dispatch/cpu_features.h"
#include "kernels/kernels.h"

namespace gearshift {
namespace {

/** One row a level, best first: its kernels and what the CPU must have for them. */
struct Row {
  const KernelTable* kernels;
  CpuFeature needs[6];  // ended by CpuFeature::none
  // In place of its own where the CPU has one feature more; null: there are none.
  const CodeKernels* faster_codes;
  CpuFeature faster_codes_need;
};

constexpr Row kRows[] = {
#if defined(GEARSHIFT_HAS_AVX512)
    {&kAvx512Kernels,
     {CpuFeature::avx512f, CpuFeature::avx512bw, CpuFeature::avx512dq, CpuFeature::avx512vl, CpuFeature::none},
     &kAvx512VnniCodes,
     CpuFeature::avx512vnni},
#endif
#if defined(GEARSHIFT_HAS_AVX2)
    {&kAvx2Kernels, {CpuFeature::avx2, CpuFeature::fma, CpuFeature::f16c, CpuFeature::bmi1, CpuFeature::none}, nullptr, {}},
#endif
#if defined(GEARSHIFT_HAS_NEON)
    {&kNeonKernels, {CpuFeature::none}, nullptr, {}},  // part of every 64-bit Arm
#endif
    {&kPortableKernels, {CpuFeature::none}, nullptr, {}},
};
constexpr size_t kRowCount = sizeof kRows / sizeof kRows[0];

/** Filled once, on first use: what the CPU has does not change. */
struct Detected {
  Level levels[kRowCount];
  KernelTable with_faster_codes[kRowCount];
  char texts[kRowCount][64];

  Detected() noexcept {
    for (size_t i = 0; i < kRowCount; ++i) {
      char* end = texts[i];
      *end = '\0';
      for (const CpuFeature* feature = kRows[i].needs; *feature != CpuFeature::none; ++feature) {
        if (has_feature(*feature)) continue;
        if (end != texts[i]) *end++ = ' ';
        for (const char* c = feature_name(*feature); *c != '\0'; ++c) *end++ = *c;
        *end = '\0';
      }
      const KernelTable* const plain = kRows[i].kernels;
      const bool has_faster_codes = kRows[i].faster_codes != nullptr;
      with_faster_codes[i] = *plain;
      if (has_faster_codes) with_faster_codes[i].codes = *kRows[i].faster_codes;
      const bool is_faster = has_faster_codes && has_feature(kRows[i].faster_codes_need);
      levels[i] = {is_faster ? &with_faster_codes[i] : plain, texts[i], plain, has_faster_codes ? &with_faster_codes[i] : nullptr};
    }
  }
};

}  // namespace

LevelList all_levels() noexcept {
  static const Detected detected;
  return {detected.levels, kRowCount};
}

const KernelTable* vector_kernels() noexcept {
  const LevelList list = all_levels();
  for (size_t i = 0; i + 1 < list.count; ++i)
    if (list.levels[i].missing[0] == '\0') return list.levels[i].kernels;
  return nullptr;
}

}  // namespace gearshift
