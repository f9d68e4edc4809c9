#include "dispatch/cpu_features.h"

#include <cstdint>
#include <cstring>

#if defined(_M_X64)
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gearshift {

const char* feature_name(CpuFeature feature) noexcept {
  switch (feature) {
    case CpuFeature::fma: return "fma";
    case CpuFeature::f16c: return "f16c";
    case CpuFeature::bmi1: return "bmi1";
    case CpuFeature::avx2: return "avx2";
    case CpuFeature::avx512f: return "avx512f";
    case CpuFeature::avx512bw: return "avx512bw";
    case CpuFeature::avx512dq: return "avx512dq";
    case CpuFeature::avx512vl: return "avx512vl";
    case CpuFeature::avx512vnni: return "avx512vnni";
    case CpuFeature::amxint8: return "amxint8";
    case CpuFeature::none: break;
  }
  return "";
}

#if defined(_M_X64) || defined(__x86_64__)
namespace {

struct Registers {
  uint32_t a, b, c, d;
};

Registers cpuid(uint32_t leaf) noexcept {
#if defined(_M_X64)
  int r[4];
  __cpuidex(r, static_cast<int>(leaf), 0);
  return {uint32_t(r[0]), uint32_t(r[1]), uint32_t(r[2]), uint32_t(r[3])};
#else
  Registers r{};
  __cpuid_count(leaf, 0, r.a, r.b, r.c, r.d);
  return r;
#endif
}

/** Which register states the operating system saves on a context switch. */
uint64_t saved_states() noexcept {
#if defined(_M_X64)
  return _xgetbv(0);
#else
  uint32_t low;
  uint32_t high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
#endif
}

/** Asks for the tiles of AMX, which Linux saves only for processes that ask. Threads begun later have them too. */
bool may_use_tiles() noexcept {
#if defined(__linux__)
  constexpr long kRequestState = 0x1023;  // ARCH_REQ_XCOMP_PERM of asm/prctl.h
  constexpr long kTileData = 18;
  static const bool may = syscall(SYS_arch_prctl, kRequestState, kTileData) == 0;
  return may;
#else
  return false;
#endif
}

bool is_from(const char (&vendor)[13]) noexcept {
  const Registers found = cpuid(0);
  return std::memcmp(&found.b, vendor, 4) == 0 && std::memcmp(&found.d, vendor + 4, 4) == 0 &&
         std::memcmp(&found.c, vendor + 8, 4) == 0;
}

constexpr bool bit(uint32_t value, int position) noexcept { return (value >> position & 1) != 0; }

}  // namespace

bool has_feature(CpuFeature feature) noexcept {
  constexpr uint64_t kAvxStates = 0x06;     // SSE, AVX
  constexpr uint64_t kAvx512States = 0xe6;  // and mask registers, upper halves, upper 16
  constexpr uint64_t kTileStates = 0x6'0000;  // of AMX: their configuration, their data
  if (feature == CpuFeature::none) return true;
  if (cpuid(0).a < 7) return false;
  const uint32_t basic = cpuid(1).c;
  const Registers more = cpuid(7);
  const uint32_t extended = more.b;
  const bool saves = bit(basic, 27);  // OSXSAVE: xgetbv may be asked
  const uint64_t states = saves ? saved_states() : 0;
  const bool avx = (states & kAvxStates) == kAvxStates;
  const bool avx512 = (states & kAvx512States) == kAvx512States;
  switch (feature) {
    case CpuFeature::fma: return avx && bit(basic, 12);
    case CpuFeature::f16c: return avx && bit(basic, 29);
    case CpuFeature::bmi1: return bit(extended, 3);
    case CpuFeature::avx2: return avx && bit(extended, 5);
    case CpuFeature::avx512f: return avx512 && bit(extended, 16);
    case CpuFeature::avx512dq: return avx512 && bit(extended, 17);
    case CpuFeature::avx512bw: return avx512 && bit(extended, 30);
    case CpuFeature::avx512vl: return avx512 && bit(extended, 31);
    case CpuFeature::avx512vnni: return avx512 && bit(more.c, 11);
    case CpuFeature::amxint8: {
      const bool has_tiles = bit(more.d, 24) && (states & kTileStates) == kTileStates;
      return has_tiles && bit(more.d, 25) && may_use_tiles();
    }
    case CpuFeature::none: break;
  }
  return true;
}

bool has_slow_shared_cache() noexcept {
  static const bool is_intel = is_from("GenuineIntel");
  return is_intel;
}

bool has_slow_gathers() noexcept {
  static const bool is_amd = is_from("AuthenticAMD");
  return is_amd;
}
#else
bool has_slow_shared_cache() noexcept { return false; }
bool has_slow_gathers() noexcept { return false; }
bool has_feature(CpuFeature feature) noexcept { return feature == CpuFeature::none; }
#endif

}  // namespace gearshift
