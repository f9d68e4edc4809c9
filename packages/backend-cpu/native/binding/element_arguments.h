#pragma once

#include <cstddef>

#include "binding/call.h"
#include "kit/element_format.h"

namespace gearshift::binding {

using kit::ElementFormat;
using kit::ElementType;

/** The type with the code in an argument; fails the call if there is none. */
ElementType read_type(Call& call, size_t index) noexcept;
/** The format in two arguments, the code of the type and the scale; fails the call if there is no such type, or no such scale. */
ElementFormat read_format(Call& call, size_t type_argument, size_t scale_argument) noexcept;
/** The same from the scalars of the block. */
ElementFormat read_block_format(Call& call) noexcept;

/** A typed array of elements of this type; fails the call if it is one of another kind. */
ArrayView<const void> read_elements(Call& call, size_t index, ElementType type) noexcept;

}  // namespace gearshift::binding
