#pragma once

#include <cstdint>

namespace gearshift {

// The elements of rows besides float and int8_t. Types of their own, because both have 16 bits. No functions: this header is
// for files that are compiled for different instruction sets.

struct Float16 {
  uint16_t bits;
};

/** The upper half of a float. */
struct Bfloat16 {
  uint16_t bits;
};

}  // namespace gearshift
