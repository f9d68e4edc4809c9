#pragma once

namespace gearshift {

enum class CpuFeature { none, fma, f16c, bmi1, avx2, avx512f, avx512bw, avx512dq, avx512vl, avx512vnni };

/** Whether the CPU has it and the operating system saves its registers. */
bool has_feature(CpuFeature feature) noexcept;
const char* feature_name(CpuFeature feature) noexcept;

}  // namespace gearshift
