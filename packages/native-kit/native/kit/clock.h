#pragma once

#include <cstdint>

#if defined(_WIN32)
#include <chrono>
#else
#include <ctime>
#endif

namespace gearshift::kit {

/** Nanoseconds of a monotonic clock. */
inline int64_t now_ns() noexcept {
#if defined(_WIN32)
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
#else
  // Not std::chrono::steady_clock::now(), which is code of the C++ library: see condition.h.
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
#endif
}

}  // namespace gearshift::kit
