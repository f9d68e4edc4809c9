#pragma once

#include <cstddef>
#include <cstdint>

namespace gearshift::kit {

/** The types of the elements of a matrix. The numbers are those of docs/file-format.md and of DTYPE_CODES in src/addon-entries.ts. */
enum class ElementType : uint8_t { float32 = 1, float16 = 2, bfloat16 = 3, int8 = 4 };

constexpr size_t kElementTypes = 4;

/** Place in a table with an entry for each type. */
constexpr size_t place_of(ElementType type) noexcept { return static_cast<size_t>(type) - 1; }

constexpr size_t element_bytes(ElementType type) noexcept {
  switch (type) {
    case ElementType::float32: return 4;
    case ElementType::float16: return 2;
    case ElementType::bfloat16: return 2;
    case ElementType::int8: break;
  }
  return 1;
}

/** How elements are read: the value of an int8 is `element * scale`, rounded to float32, those of the others are exact. */
struct ElementFormat {
  ElementType type = ElementType::float32;
  float scale = 1;  // of int8, else 1

  size_t bytes() const noexcept { return element_bytes(type); }
  bool operator==(const ElementFormat& other) const noexcept { return type == other.type && scale == other.scale; }
};

}  // namespace gearshift::kit
