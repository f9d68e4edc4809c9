#pragma once

#include <cstddef>
#include <cstdint>

namespace gearshift::kit {

/** `a * b`, or false when it does not fit. */
inline bool multiply(size_t a, size_t b, size_t* product) noexcept {
  if (b != 0 && a > SIZE_MAX / b) return false;
  *product = a * b;
  return true;
}

}  // namespace gearshift::kit
