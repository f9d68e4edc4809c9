#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace gearshift::kit {

class EnvState;

/** The memory of a typed array during one call. No JavaScript runs between reading it and using it. */
template <typename T>
struct ArrayView {
  T* data = nullptr;
  size_t length = 0;
};

/** What an entry throws. */
enum class ErrorType {
  type,   // a TypeError: an argument is something else than what is expected
  range,  // a RangeError: counts that disagree, or are out of bounds
};

/**
 * One call from JavaScript: its arguments, checked as they are read, and its failure, if any. After the first failure
 * every reader returns nothing, so an entry reads all it needs and then asks once.
 */
class Call {
 public:
  static constexpr size_t kMostArguments = 20;

  Call(napi_env env, napi_callback_info info) noexcept;

  napi_env env() const noexcept { return env_; }
  bool failed() const noexcept { return failure_ != nullptr; }
  /** Has the entry throw an error with this text once it returns. The first failure is the one that is thrown. */
  void fail(ErrorType type, const char* text) noexcept;

  /** True if the caller passed an argument at `index`. */
  bool has(size_t index) const noexcept { return index < count_; }
  bool is_number(size_t index) const noexcept { return has_type(index, napi_number); }
  /** Left out, or undefined. */
  bool is_undefined(size_t index) const noexcept { return has_type(index, napi_undefined); }
  int32_t small(size_t index) noexcept;    // an integer of 32 bits
  int64_t integer(size_t index) noexcept;  // up to 2^53
  size_t count(size_t index) noexcept;     // an integer that is not negative
  double number(size_t index) noexcept;
  ArrayView<float> floats(size_t index) noexcept { return array<float>(index, napi_float32_array); }
  ArrayView<double> doubles(size_t index) noexcept { return array<double>(index, napi_float64_array); }
  ArrayView<int32_t> ints(size_t index) noexcept { return array<int32_t>(index, napi_int32_array); }
  ArrayView<uint32_t> uints(size_t index) noexcept { return array<uint32_t>(index, napi_uint32_array); }
  ArrayView<uint16_t> halves(size_t index) noexcept { return array<uint16_t>(index, napi_uint16_array); }
  ArrayView<int8_t> int8s(size_t index) noexcept { return array<int8_t>(index, napi_int8_array); }
  ArrayView<uint8_t> bytes(size_t index) noexcept { return array<uint8_t>(index, napi_uint8_array); }
  bool is_shared(size_t index) const noexcept;  // a typed array on memory that stays valid while it is referenced
  napi_value raw(size_t index) const noexcept { return arguments_[index]; }

  napi_value give(double value) const noexcept;
  napi_value give_integer(int64_t value) const noexcept;
  napi_value give_bool(bool value) const noexcept;
  napi_value give_text(const char* text) const noexcept;

  /** What the guard does with a failure. */
  void throw_failure() const noexcept;

 protected:
  /** Null when the call could not be read. */
  EnvState* env_state() const noexcept { return state_; }

 private:
  bool has_type(size_t index, napi_valuetype wanted) const noexcept;
  void* array_data(size_t index, napi_typedarray_type wanted, size_t* length) noexcept;
  template <typename T>
  ArrayView<T> array(size_t index, napi_typedarray_type wanted) noexcept {
    ArrayView<T> view;
    view.data = static_cast<T*>(array_data(index, wanted, &view.length));
    return view;
  }

  napi_env env_;
  EnvState* state_ = nullptr;
  napi_value arguments_[kMostArguments];  // all written by napi_get_cb_info
  size_t count_ = kMostArguments;
  const char* failure_ = nullptr;
  ErrorType error_type_ = ErrorType::type;
};

/**
 * The one way in: every entry is registered through it, and every failure leaves through it as a pending exception.
 *
 * @tparam SomeCall the Call of an addon, which knows the addon's own EnvState
 */
template <typename SomeCall, napi_value (*entry)(SomeCall&)>
napi_value guarded(napi_env env, napi_callback_info info) noexcept {
  SomeCall call(env, info);
  napi_value result = call.failed() ? nullptr : entry(call);
  if (!call.failed()) return result;
  call.throw_failure();
  return nullptr;
}

}  // namespace gearshift::kit
