#include "kit/binding/call.h"

#include "kit/binding/env_state.h"

namespace gearshift::kit {

Call::Call(napi_env env, napi_callback_info info) noexcept : env_(env) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count_, arguments_, nullptr, &data) != napi_ok) {
    fail(ErrorType::type, "the call could not be read");
    return;
  }
  state_ = static_cast<EnvState*>(data);
  if (state_->is_closed()) fail(ErrorType::range, "the addon was shut down on this thread");
}

void Call::fail(ErrorType type, const char* text) noexcept {
  if (failure_ != nullptr) return;
  failure_ = text;
  error_type_ = type;
}

void Call::throw_failure() const noexcept {
  bool is_pending = false;
  napi_is_exception_pending(env_, &is_pending);
  if (is_pending) return;
  switch (error_type_) {
    case ErrorType::type: napi_throw_type_error(env_, nullptr, failure_); return;
    case ErrorType::range: napi_throw_range_error(env_, nullptr, failure_); return;
  }
}

bool Call::has_type(size_t index, napi_valuetype wanted) const noexcept {
  napi_valuetype type = napi_undefined;
  return napi_typeof(env_, arguments_[index], &type) == napi_ok && type == wanted;
}

int32_t Call::small(size_t index) noexcept {
  int32_t value = 0;
  if (napi_get_value_int32(env_, arguments_[index], &value) != napi_ok) fail(ErrorType::type, "expected an integer");
  return value;
}

int64_t Call::integer(size_t index) noexcept {
  int64_t value = 0;
  if (napi_get_value_int64(env_, arguments_[index], &value) != napi_ok) fail(ErrorType::type, "expected an integer");
  return value;
}

size_t Call::count(size_t index) noexcept {
  const int64_t value = integer(index);
  if (value < 0) fail(ErrorType::range, "expected a count, got a negative number");
  return value < 0 ? 0 : static_cast<size_t>(value);
}

double Call::number(size_t index) noexcept {
  double value = 0;
  if (napi_get_value_double(env_, arguments_[index], &value) != napi_ok) fail(ErrorType::type, "expected a number");
  return value;
}

void* Call::array_data(size_t index, napi_typedarray_type wanted, size_t* length) noexcept {
  napi_typedarray_type type;
  void* data = nullptr;
  // Fails for anything that is no typed array. Detached arrays, and resizable ones that shrank below the view, have length 0.
  const napi_status status = napi_get_typedarray_info(env_, arguments_[index], &type, length, &data, nullptr, nullptr);
  if (status == napi_ok && type == wanted) return data;
  *length = 0;
  fail(ErrorType::type, "expected a typed array of another kind");
  return nullptr;
}

bool Call::is_shared(size_t index) const noexcept {
  napi_value buffer = nullptr;
  bool is_array_buffer = true;
  napi_get_typedarray_info(env_, arguments_[index], nullptr, nullptr, nullptr, &buffer, nullptr);
  return buffer != nullptr && napi_is_arraybuffer(env_, buffer, &is_array_buffer) == napi_ok && !is_array_buffer;
}

napi_value Call::give(double value) const noexcept {
  napi_value result = nullptr;
  napi_create_double(env_, value, &result);
  return result;
}

napi_value Call::give_integer(int64_t value) const noexcept {
  napi_value result = nullptr;
  // The 32-bit constructor makes an immediate value, the other allocates.
  if (value >= INT32_MIN && value <= INT32_MAX) napi_create_int32(env_, static_cast<int32_t>(value), &result);
  else napi_create_int64(env_, value, &result);
  return result;
}

napi_value Call::give_bool(bool value) const noexcept {
  napi_value result = nullptr;
  napi_get_boolean(env_, value, &result);
  return result;
}

napi_value Call::give_text(const char* text) const noexcept {
  napi_value result = nullptr;
  napi_create_string_utf8(env_, text == nullptr ? "" : text, NAPI_AUTO_LENGTH, &result);
  return result;
}

}  // namespace gearshift::kit
