#pragma once

namespace gearshift {

enum class CpuFeature { none, fma, f16c, bmi1, avx2, avx512f, avx512bw, avx512dq, avx512vl, avx512vnni, amxint8 };

/**
 * Whether the CPU has it and the operating system saves its registers. For AMX, the system is asked to do so for this process,
 * which it can refuse.
 */
bool has_feature(CpuFeature feature) noexcept;
/**
 * Whether gathers that miss the second-level cache wait long for the shared one: on CPUs of Intel. There column tiles made a hop
 * of a prototype over a million nodes 2.9 times as fast (46 to 16 ms on Sapphire Rapids); on Zen 5 they lose up to a quarter, and
 * gain 8 % at 4 million nodes at best.
 */
bool has_slow_shared_cache() noexcept;
/**
 * Whether a value at a time is loaded in less time than by gathers: on CPUs of AMD. On Zen 5 hops over
 * 10,000 nodes take 18 % less time than with gathers, those over a million 8 to 17 %.
 */
bool has_slow_gathers() noexcept;
const char* feature_name(CpuFeature feature) noexcept;

}  // namespace gearshift
