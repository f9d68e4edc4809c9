#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/elements.h"

namespace gearshift {

// Only for files that are compiled for every CPU: the linker may take these functions from any file that has them.
//
// The exact value of an element, whatever the floating-point mode: subnormal float16 are normal in float32, and no operation
// here has a subnormal operand or result. int8 is still to be multiplied by its scale.

inline float float_of_bits(uint32_t bits) noexcept {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float value_of(float element) noexcept { return element; }
inline float value_of(int8_t element) noexcept { return static_cast<float>(element); }
inline float value_of(Bfloat16 element) noexcept { return float_of_bits(uint32_t{element.bits} << 16); }

inline float value_of(Float16 element) noexcept {
  // The exponents of the two types count from 15 and from 127. In the form of a conditional move each, so that loops vectorise.
  constexpr uint32_t kExponents = 0x7c00u << 13;
  const uint32_t fields = (element.bits & 0x7fffu) << 13;
  const uint32_t exponent = fields & kExponents;
  const uint32_t magnitude = fields + ((127u - 15u) << 23) + (exponent == kExponents ? (128u - 16u) << 23 : 0u);
  // A subnormal number: the same fields behind 2^-14, less 2^-14.
  const float subnormal = float_of_bits(fields + ((127u - 14u) << 23)) - 0x1p-14f;
  uint32_t bits;
  std::memcpy(&bits, &subnormal, sizeof bits);
  return float_of_bits((exponent == 0 ? bits : magnitude) | (element.bits & 0x8000u) << 16);
}

}  // namespace gearshift
