#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kit/element_format.h"
#include "random_values.h"

// Elements of every type and the float32 values that they have, by the definitions of the types and without looking at the core.

namespace gearshift::tests {

using kit::ElementFormat;
using kit::ElementType;

/** Every type; int8 also with a scale that rounds, and one with which sums and products are infinite. */
constexpr ElementFormat kFormats[] = {{ElementType::float32, 1},  {ElementType::float16, 1},    {ElementType::bfloat16, 1},
                                      {ElementType::int8, 1},     {ElementType::int8, 0.0123f}, {ElementType::int8, 0x1.8p120f}};

inline const char* name_of(ElementFormat format) {
  const char* const names[] = {"float32", "float16", "bfloat16", "int8"};
  return names[kit::place_of(format.type)];
}

/** The value of the element with these bits. */
inline float value_of_bits(ElementFormat format, uint32_t bits) {
  if (format.type == ElementType::int8) return static_cast<float>(static_cast<double>(static_cast<int8_t>(bits)) * format.scale);
  if (format.type != ElementType::float16) {
    const uint32_t wide = format.type == ElementType::bfloat16 ? bits << 16 : bits;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
  }
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double fraction = static_cast<double>(bits & 1023);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31 && fraction != 0) return std::numeric_limits<float>::quiet_NaN();
  if (exponent == 31) return static_cast<float>(sign * std::numeric_limits<double>::infinity());
  return static_cast<float>(sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25)));
}

/** Elements as they lie in memory, beside their values. */
struct TypedElements {
  explicit TypedElements(ElementFormat wanted) : format(wanted) {}

  ElementFormat format;
  std::vector<uint8_t> bytes;
  std::vector<float> values;

  void push(uint32_t bits) {
    for (size_t i = 0; i < format.bytes(); ++i) bytes.push_back(static_cast<uint8_t>(bits >> 8 * i));
    values.push_back(value_of_bits(format, bits));
  }
  void replace(size_t at, uint32_t bits) {
    for (size_t i = 0; i < format.bytes(); ++i) bytes[at * format.bytes() + i] = static_cast<uint8_t>(bits >> 8 * i);
    values[at] = value_of_bits(format, bits);
  }
  size_t count() const { return values.size(); }
  const uint8_t* at(size_t element) const { return bytes.data() + element * format.bytes(); }
};

/** The bits of an ordinary element: a finite value, mostly below 2. */
inline uint32_t random_bits(ElementFormat format, Random& random) {
  const float value = random.value();
  uint32_t wide;
  std::memcpy(&wide, &value, sizeof wide);
  switch (format.type) {
    case ElementType::float32: return wide;
    case ElementType::bfloat16: return wide >> 16;
    case ElementType::float16: return static_cast<uint32_t>(random.below(16)) << 10 | static_cast<uint32_t>(random.next() & 0x83ff);
    case ElementType::int8: break;
  }
  return static_cast<uint32_t>(random.next() & 0xff);
}

inline TypedElements random_elements(ElementFormat format, size_t count, Random& random) {
  TypedElements elements(format);
  for (size_t i = 0; i < count; ++i) elements.push(random_bits(format, random));
  return elements;
}

/** The bits of elements that need care: zeros, the smallest and the largest, subnormal ones, those of a zero vector, infinities and NaN. */
inline std::vector<uint32_t> special_bits(ElementFormat format) {
  switch (format.type) {
    case ElementType::float32:
      return {0, 0x8000'0000, 1, 0x8000'0001, 0x007f'ffff, 0x0080'0000, 0x7f7f'ffff, 0xff7f'ffff, 0x7f80'0000, 0xff80'0000, 0x7fc0'0000, 0x8340'0000, 0x7f80'0001};
    case ElementType::float16:
      return {0, 0x8000, 1, 0x8001, 0x0200, 0x03ff, 0x0400, 0x8400, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfe00, 0x7c01};
    case ElementType::bfloat16:
      return {0, 0x8000, 1, 0x8001, 0x007f, 0x0080, 0x8080, 0x7f7f, 0xff7f, 0x7f80, 0xff80, 0x7fc0, 0xffc0, 0x8340, 0x7f81};
    case ElementType::int8: break;
  }
  return {0, 1, 0xff, 0x7f, 0x81, 0x80};
}

}  // namespace gearshift::tests
