#pragma once

#include <cstddef>

#include "kit/element_format.h"

namespace gearshift::cuda {

/** Elements of any type as float32, in which the device keeps all rows. Exact; an int8 is `element * scale`, rounded once. */
void widen(const void* elements, kit::ElementFormat format, size_t count, float* values) noexcept;

}  // namespace gearshift::cuda
