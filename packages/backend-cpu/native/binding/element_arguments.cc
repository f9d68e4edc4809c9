#include "binding/element_arguments.h"

#include <cmath>

namespace gearshift::binding {
namespace {

ElementType type_of(Call& call, double code) noexcept {
  if (code >= 1 && code <= static_cast<double>(kit::kElementTypes)) return static_cast<ElementType>(static_cast<int>(code));
  call.fail(ErrorType::range, "dtype: expected the code of a type of elements");
  return ElementType::float32;
}

ElementFormat make_format(Call& call, ElementType type, double scale) noexcept {
  ElementFormat format;
  format.type = type;
  if (format.type != ElementType::int8) return format;
  format.scale = static_cast<float>(scale);
  if (!(format.scale > 0 && std::isfinite(format.scale))) {
    call.fail(ErrorType::range, "scale: expected a positive number with the precision of float32");
  }
  return format;
}

template <typename T>
ArrayView<const void> untyped(const ArrayView<T>& view) noexcept {
  return {view.data, view.length};
}

}  // namespace

ElementType read_type(Call& call, size_t index) noexcept {
  const int32_t code = call.small(index);
  return call.failed() ? ElementType::float32 : type_of(call, code);
}

ElementFormat read_format(Call& call, size_t type_argument, size_t scale_argument) noexcept {
  const ElementType type = read_type(call, type_argument);
  const double scale = call.number(scale_argument);
  return call.failed() ? ElementFormat{} : make_format(call, type, scale);
}

ElementFormat read_block_format(Call& call) noexcept {
  return make_format(call, type_of(call, call.scalar(kDtypeScalar)), call.scalar(kScaleScalar));
}

ArrayView<const void> read_elements(Call& call, size_t index, ElementType type) noexcept {
  switch (type) {
    case ElementType::float16:
    case ElementType::bfloat16: return untyped(call.halves(index));
    case ElementType::int8: return untyped(call.int8s(index));
    case ElementType::float32: break;
  }
  return untyped(call.floats(index));
}

}  // namespace gearshift::binding
