#include "binding/row_place.h"

#include "binding/call.h"
#include "binding/element_arguments.h"
#include "core/aligned_memory.h"
#include "kit/status.h"
#include "kit/store/layout.h"

namespace gearshift::binding {
namespace {

napi_value buffer_of(Call& call, size_t index) noexcept {
  napi_value buffer = nullptr;
  napi_get_typedarray_info(call.env(), call.raw(index), nullptr, nullptr, nullptr, &buffer, nullptr);
  return buffer;
}

}  // namespace

bool is_given(const Call& call, size_t index) noexcept { return call.has(index) && !call.is_undefined(index); }

RowPlace read_place(Call& call, const PlaceArguments& arguments, ElementFormat format, size_t row_count, size_t dimensions,
                    int* status) noexcept {
  RowPlace place;
  const ArrayView<const void> values = read_elements(call, arguments.values, format.type);
  if (call.failed()) return place;
  if (!call.is_shared(arguments.values)) {
    call.fail(ErrorType::type, "values: expected values in a SharedArrayBuffer");
    return place;
  }
  place.rows = values.data;
  size_t needed = 0;
  if (!multiply(row_count, dimensions, &needed) || values.length < needed) *status = kit::kInputGone;
  if (!is_given(call, arguments.control)) return place;
  const auto sequence = static_cast<int32_t>(call.integer(arguments.sequence));
  read_stored_version(call, arguments, format, row_count, dimensions, sequence, place, status);
  place.has_codes = is_given(call, arguments.codes);
  return place;
}

void read_stored_version(Call& call, const PlaceArguments& arguments, ElementFormat format, size_t row_count,
                         size_t dimensions, int32_t sequence, RowPlace& place, int* status) noexcept {
  const ArrayView<int32_t> control = call.ints(arguments.control);
  if (call.failed()) return;
  if (control.length < kit::kControlWords) {
    call.fail(ErrorType::range, "control: expected 1024 integers");
    return;
  }
  const auto* words = reinterpret_cast<const kit::AtomicInt*>(control.data);
  // Before the lengths, which only grow.
  const auto slots = static_cast<uint32_t>(words[kit::kSlots].load(std::memory_order_acquire));
  const ArrayView<uint32_t> heads = call.uints(arguments.heads);
  const ArrayView<uint8_t> log = call.bytes(arguments.log);
  if (call.failed()) return;
  if (!call.is_shared(arguments.control) || !call.is_shared(arguments.heads) || !call.is_shared(arguments.log)) {
    call.fail(ErrorType::type, "control, heads, log: expected arrays in SharedArrayBuffers");
    return;
  }
  if (reinterpret_cast<uintptr_t>(log.data) % alignof(kit::Slot) != 0) {
    call.fail(ErrorType::range, "log: expected memory that begins on a multiple of 4 bytes");
    return;
  }
  size_t row_bytes = 0;
  if (!multiply(dimensions, format.bytes(), &row_bytes) || row_bytes > SIZE_MAX / 2) {
    *status = kit::kInputGone;
    return;
  }
  const size_t slot_bytes = kit::slot_bytes_of(row_bytes);
  if (slots > 0 && (heads.length < row_count || log.length / slot_bytes < slots)) *status = kit::kInputGone;
  place.is_stored = true;
  place.version = {words, reinterpret_cast<const kit::AtomicUint*>(heads.data), log.data, slot_bytes, sequence};
}

bool PlaceReferences::take(Call& call, const PlaceArguments& arguments, const RowPlace& place) noexcept {
  const size_t indices[] = {arguments.values, arguments.control, arguments.heads, arguments.log, arguments.codes};
  const size_t count = !place.is_stored ? 1 : place.has_codes ? RowPlace::kArrays : RowPlace::kArrays - 1;
  for (size_t i = 0; i < count; ++i) {
    // The buffer: a reference to the array would keep it alive, with which the caller tells how long the operand is in use.
    const napi_value buffer = buffer_of(call, indices[i]);
    if (buffer != nullptr && napi_create_reference(call.env(), buffer, 1, &buffers_[i]) == napi_ok) continue;
    drop(call.env());
    return false;
  }
  return true;
}

bool PlaceReferences::keep_for(napi_env env, kit::Job& job, size_t first) const noexcept {
  for (size_t i = 0; i < RowPlace::kArrays; ++i) {
    if (buffers_[i] == nullptr) continue;
    napi_value buffer = nullptr;
    if (napi_get_reference_value(env, buffers_[i], &buffer) != napi_ok || buffer == nullptr) return false;
    if (!job.keep(env, buffer, first + i)) return false;
  }
  return true;
}

void PlaceReferences::drop(napi_env env) noexcept {
  for (napi_ref& reference : buffers_) {
    if (reference != nullptr) napi_delete_reference(env, reference);
    reference = nullptr;
  }
}

}  // namespace gearshift::binding
