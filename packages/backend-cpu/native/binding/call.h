#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace gearshift::binding {

class EnvState;

/** The memory of a typed array during one call. No JavaScript runs between reading it and using it. */
template <typename T>
struct ArrayView {
  T* data = nullptr;
  size_t length = 0;
};

/**
 * One call from JavaScript: its arguments, checked as they are read, and its failure, if any. After the first failure
 * every reader answers with nothing, so an entry reads all it needs and then asks once.
 */
class Call {
 public:
  static constexpr size_t kMostArguments = 13;

  Call(napi_env env, napi_callback_info info) noexcept;

  napi_env env() const noexcept { return env_; }
  EnvState& state() const noexcept { return *state_; }
  bool failed() const noexcept { return failure_ != nullptr; }
  /** Has the entry throw a RangeError (or a TypeError) with this text once it returns. */
  void fail(const char* text, bool is_type_error = false) noexcept;

  /** Whether the caller passed so many arguments. */
  bool has(size_t index) const noexcept { return index < count_; }
  bool is_number(size_t index) const noexcept;
  bool is_undefined(size_t index) const noexcept;
  int32_t small(size_t index) noexcept;    // an integer of 32 bits
  int64_t integer(size_t index) noexcept;  // up to 2^53
  size_t count(size_t index) noexcept;     // an integer that is not negative
  double number(size_t index) noexcept;
  ArrayView<float> floats(size_t index) noexcept { return {static_cast<float*>(array(index, napi_float32_array)), length_}; }
  ArrayView<uint32_t> uints(size_t index) noexcept {
    return {static_cast<uint32_t*>(array(index, napi_uint32_array)), length_};
  }
  ArrayView<uint8_t> bytes(size_t index) noexcept {
    return {static_cast<uint8_t*>(array(index, napi_uint8_array)), length_};
  }

  // The same readers for scalars of the block.
  int32_t small_scalar(size_t place) noexcept { return static_cast<int32_t>(count_scalar(place)); }
  size_t count_scalar(size_t place) noexcept {
    const double value = scalars_[place];
    if (value >= 0 && value < kMostExact) return static_cast<size_t>(static_cast<int64_t>(value));
    fail("scalars: expected a count");
    return 0;
  }
  float float_scalar(size_t place) const noexcept { return static_cast<float>(scalars_[place]); }
  bool is_shared(size_t index) const noexcept;  // a typed array whose memory cannot go away while it is referenced
  napi_value raw(size_t index) const noexcept { return arguments_[index]; }

  napi_value give(double value) const noexcept;
  napi_value give_integer(int64_t value) const noexcept;
  napi_value give_bool(bool value) const noexcept;

  /** What the guard does with a failure. */
  void throw_failure() const noexcept;

 private:
  static constexpr double kMostExact = 9007199254740992.0;

  void* array(size_t index, napi_typedarray_type type) noexcept;

  napi_env env_;
  EnvState* state_ = nullptr;
  const double* scalars_ = nullptr;  // of the block
  napi_value arguments_[kMostArguments];  // all written by napi_get_cb_info
  size_t count_ = kMostArguments;
  size_t length_ = 0;
  const char* failure_ = nullptr;
  bool is_type_error_ = false;
};

using Entry = napi_value (*)(Call&);

/** The one way in: every entry is registered through it, and every failure leaves through it as a pending exception. */
template <Entry entry>
napi_value guarded(napi_env env, napi_callback_info info) noexcept {
  Call call(env, info);
  napi_value result = call.failed() ? nullptr : entry(call);
  if (!call.failed()) return result;
  call.throw_failure();
  return nullptr;
}

}  // namespace gearshift::binding
