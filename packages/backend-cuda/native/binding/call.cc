#include "binding/call.h"

#include "binding/env_state.h"

namespace gearshift::cuda::binding {

Call::Call(napi_env env, napi_callback_info info) noexcept : env_(env) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count_, arguments_, nullptr, &data) != napi_ok) {
    fail("the call could not be read");
    return;
  }
  state_ = static_cast<EnvState*>(data);
  if (state_->is_closed()) fail("the addon was shut down on this thread");
}

void Call::fail(const char* text, bool is_range_error) noexcept {
  if (failure_ != nullptr) return;
  failure_ = text;
  is_range_error_ = is_range_error;
}

void Call::throw_failure() const noexcept {
  bool is_pending = false;
  napi_is_exception_pending(env_, &is_pending);
  if (is_pending) return;
  if (is_range_error_) napi_throw_range_error(env_, nullptr, failure_);
  else napi_throw_type_error(env_, nullptr, failure_);
}

napi_value Call::value() noexcept { return next_ < kMostArguments ? arguments_[next_++] : nullptr; }

bool Call::skip_undefined() noexcept {
  napi_valuetype type = napi_undefined;
  if (next_ < count_ && napi_typeof(env_, arguments_[next_], &type) == napi_ok && type != napi_undefined) return false;
  ++next_;
  return true;
}

int64_t Call::integer() noexcept {
  int64_t integer = 0;
  if (napi_get_value_int64(env_, value(), &integer) != napi_ok) fail("expected an integer");
  return integer;
}

size_t Call::count() noexcept {
  const int64_t number = integer();
  if (number < 0) fail("expected a count, got a negative number", true);
  return number < 0 ? 0 : static_cast<size_t>(number);
}

double Call::number() noexcept {
  double number = 0;
  if (napi_get_value_double(env_, value(), &number) != napi_ok) fail("expected a number");
  return number;
}

void* Call::array(napi_typedarray_type wanted, size_t* length) noexcept {
  napi_typedarray_type type;
  void* data = nullptr;
  *length = 0;
  // Fails for anything that is no typed array. Detached arrays, and resizable ones that shrank below the view, have length 0.
  if (napi_get_typedarray_info(env_, value(), &type, length, &data, nullptr, nullptr) == napi_ok && type == wanted) return data;
  *length = 0;
  fail("expected a typed array of another kind");
  return nullptr;
}

ArrayView<float> Call::floats() noexcept {
  ArrayView<float> view;
  view.data = static_cast<float*>(array(napi_float32_array, &view.length));
  return view;
}

ArrayView<uint32_t> Call::uints() noexcept {
  ArrayView<uint32_t> view;
  view.data = static_cast<uint32_t*>(array(napi_uint32_array, &view.length));
  return view;
}

ArrayView<double> Call::doubles() noexcept {
  ArrayView<double> view;
  view.data = static_cast<double*>(array(napi_float64_array, &view.length));
  return view;
}

napi_value Call::give(double number) const noexcept {
  napi_value result = nullptr;
  napi_create_double(env_, number, &result);
  return result;
}

napi_value Call::give_bool(bool truth) const noexcept {
  napi_value result = nullptr;
  napi_get_boolean(env_, truth, &result);
  return result;
}

napi_value Call::give_text(const char* text) const noexcept {
  napi_value result = nullptr;
  napi_create_string_utf8(env_, text == nullptr ? "" : text, NAPI_AUTO_LENGTH, &result);
  return result;
}

}  // namespace gearshift::cuda::binding
