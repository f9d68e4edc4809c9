#include "operations/widen.h"

#include <cstdint>
#include <cstring>

namespace gearshift::cuda {
namespace {

// Loops without branches, in 32 bits, which compilers turn into vector instructions of any level: this runs on the thread of
// the caller, and a copy of the memory is what it is measured against.

float float_of(uint32_t bits) noexcept {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t bits_of(float value) noexcept {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

void widen_float16(const uint16_t* __restrict elements, size_t count, float* __restrict values) noexcept {
  constexpr int32_t kExponents = 112 << 23;  // between the offsets of the exponents, 127 and 15
  for (size_t i = 0; i < count; ++i) {
    const int32_t size = elements[i] & 0x7fff;
    const uint32_t sign = (elements[i] & 0x8000u) << 16;
    // Infinities and NaN have the highest exponent in both.
    const int32_t is_finite = -(size < 0x7c00);
    const auto normal = static_cast<uint32_t>((size << 13) + kExponents) + static_cast<uint32_t>(kExponents & ~is_finite);
    // The last bit of a subnormal number counts 2^-24, as does that of a float32 from 0.5 on.
    const uint32_t subnormal = bits_of(float_of(static_cast<uint32_t>(size) | 0x3f000000u) - 0.5f);
    // By a mask: with a condition the subtraction moves into a branch.
    const auto is_subnormal = static_cast<uint32_t>(-(size < 0x0400));
    values[i] = float_of(sign | (normal & ~is_subnormal) | (subnormal & is_subnormal));
  }
}

void widen_bfloat16(const uint16_t* __restrict elements, size_t count, float* __restrict values) noexcept {
  for (size_t i = 0; i < count; ++i) values[i] = float_of(uint32_t{elements[i]} << 16);
}

void widen_int8(const int8_t* __restrict elements, float scale, size_t count, float* __restrict values) noexcept {
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(elements[i]) * scale;
}

}  // namespace

void widen(const void* elements, kit::ElementFormat format, size_t count, float* values) noexcept {
  switch (format.type) {
    case kit::ElementType::float32: std::memcpy(values, elements, count * sizeof(float)); break;
    case kit::ElementType::float16: widen_float16(static_cast<const uint16_t*>(elements), count, values); break;
    case kit::ElementType::bfloat16: widen_bfloat16(static_cast<const uint16_t*>(elements), count, values); break;
    case kit::ElementType::int8: widen_int8(static_cast<const int8_t*>(elements), format.scale, count, values); break;
  }
}

}  // namespace gearshift::cuda
