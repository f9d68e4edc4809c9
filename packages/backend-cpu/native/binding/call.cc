#include "binding/call.h"

#include "binding/env_state.h"

namespace gearshift::binding {

Call::Call(napi_env env, napi_callback_info info) noexcept : env_(env) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count_, arguments_, nullptr, &data) != napi_ok) {
    fail("the call could not be read");
    return;
  }
  state_ = static_cast<EnvState*>(data);
  if (state_->block() != nullptr) scalars_ = state_->block()->scalars;
  if (state_->is_closed()) fail("the addon was shut down on this thread");
}

void Call::fail(const char* text, bool is_type_error) noexcept {
  if (failure_ != nullptr) return;
  failure_ = text;
  is_type_error_ = is_type_error;
}

void Call::throw_failure() const noexcept {
  bool is_pending = false;
  napi_is_exception_pending(env_, &is_pending);
  if (is_pending) return;
  if (is_type_error_) napi_throw_type_error(env_, nullptr, failure_);
  else napi_throw_range_error(env_, nullptr, failure_);
}

bool Call::is_number(size_t index) const noexcept {
  napi_valuetype type = napi_undefined;
  return napi_typeof(env_, arguments_[index], &type) == napi_ok && type == napi_number;
}

bool Call::is_undefined(size_t index) const noexcept {
  napi_valuetype type = napi_undefined;
  return napi_typeof(env_, arguments_[index], &type) == napi_ok && type == napi_undefined;
}

int32_t Call::small(size_t index) noexcept {
  int32_t value = 0;
  if (napi_get_value_int32(env_, arguments_[index], &value) != napi_ok) fail("expected an integer", true);
  return value;
}

int64_t Call::integer(size_t index) noexcept {
  int64_t value = 0;
  if (napi_get_value_int64(env_, arguments_[index], &value) != napi_ok) fail("expected an integer", true);
  return value;
}

size_t Call::count(size_t index) noexcept {
  const int64_t value = integer(index);
  if (value < 0) fail("expected a count, got a negative number");
  return value < 0 ? 0 : static_cast<size_t>(value);
}

double Call::number(size_t index) noexcept {
  double value = 0;
  if (napi_get_value_double(env_, arguments_[index], &value) != napi_ok) fail("expected a number", true);
  return value;
}

void* Call::array(size_t index, napi_typedarray_type wanted) noexcept {
  napi_typedarray_type type;
  void* data = nullptr;
  length_ = 0;
  // Fails for anything that is no typed array. Detached arrays, and resizable ones that shrank below the view, have length 0.
  const napi_status status =
      napi_get_typedarray_info(env_, arguments_[index], &type, &length_, &data, nullptr, nullptr);
  if (status == napi_ok && type == wanted) return data;
  length_ = 0;
  fail("expected a typed array of another kind", true);
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

}  // namespace gearshift::binding
