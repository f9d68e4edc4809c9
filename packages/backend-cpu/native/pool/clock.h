#pragma once

#include "kit/clock.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace gearshift {

using kit::now_ns;

/** Tells the core that this is a waiting loop, so that its sibling hyperthread gets the execution units. */
inline void pause_briefly() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && !defined(_MSC_VER)
  __asm__ volatile("yield");
#endif
}

}  // namespace gearshift
