#include "dispatch/kernel_table.h"

#include "dispatch/cpu_features.h"
#include "kernels/kernels.h"

namespace gearshift {
namespace {

/** Kernels of codes in place of others, where a CPU has one feature more. */
struct FasterCodes {
  const char* name;  // of the level with them
  CpuFeature needs;
  void (*put_in)(CodeKernels& codes) noexcept;
};

#if defined(GEARSHIFT_HAS_AVX512)
void put_in_vnni(CodeKernels& codes) noexcept { codes = kAvx512VnniCodes; }
#endif
#if defined(GEARSHIFT_HAS_AMX)
void put_in_amx(CodeKernels& codes) noexcept {
  codes.lay_out_queries = lay_out_queries_amx;
  codes.laid_out_sums = code_laid_out_sums_amx;
}
#endif

/** One row a level, best first: its kernels and what the CPU must have for them. */
struct Row {
  const KernelTable* kernels;
  CpuFeature needs[6];  // ended by CpuFeature::none
  FasterCodes faster[Level::kMostVariants + 1];  // each with those before; ended by one without a name
};

constexpr Row kRows[] = {
#if defined(GEARSHIFT_HAS_AVX512)
    {&kAvx512Kernels,
     {CpuFeature::avx512f, CpuFeature::avx512bw, CpuFeature::avx512dq, CpuFeature::avx512vl, CpuFeature::none},
     {{"avx512 with vnni", CpuFeature::avx512vnni, put_in_vnni},
#if defined(GEARSHIFT_HAS_AMX)
      {"avx512 with amx", CpuFeature::amxint8, put_in_amx},
#endif
      {}}},
#endif
#if defined(GEARSHIFT_HAS_AVX2)
    {&kAvx2Kernels, {CpuFeature::avx2, CpuFeature::fma, CpuFeature::f16c, CpuFeature::bmi1, CpuFeature::none}, {}},
#endif
#if defined(GEARSHIFT_HAS_NEON)
    {&kNeonKernels, {CpuFeature::none}, {}},  // part of every 64-bit Arm
#endif
    {&kPortableKernels, {CpuFeature::none}, {}},
};
constexpr size_t kRowCount = sizeof kRows / sizeof kRows[0];

/** Filled once, on first use: what the CPU has does not change. */
struct Detected {
  Level levels[kRowCount];
  LevelVariant variants[kRowCount][Level::kMostVariants];
  /** Names of features, separated by spaces. */
  struct Names {
    char text[64];
    size_t length;

    void add(CpuFeature feature) noexcept {
      if (length > 0) text[length++] = ' ';
      for (const char* c = feature_name(feature); *c != '\0'; ++c) text[length++] = *c;
      text[length] = '\0';
    }
  };
  Names missing[kRowCount] = {};
  Names used[kRowCount] = {};

  Detected() noexcept {
    for (size_t i = 0; i < kRowCount; ++i) {
      for (const CpuFeature* feature = kRows[i].needs; *feature != CpuFeature::none; ++feature)
        if (!has_feature(*feature)) missing[i].add(*feature);
      const KernelTable* const plain = kRows[i].kernels;
      levels[i] = {plain, missing[i].text, plain, variants[i], 0, used[i].text};
      KernelTable kernels = *plain;
      bool can_run = true;
      for (const FasterCodes* faster = kRows[i].faster; faster->name != nullptr; ++faster) {
        LevelVariant& variant = variants[i][levels[i].variant_count++];
        can_run = can_run && has_feature(faster->needs);
        faster->put_in(kernels.codes);
        variant = {faster->name, kernels, can_run};
        if (!can_run) continue;
        levels[i].kernels = &variant.kernels;
        used[i].add(faster->needs);
      }
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
