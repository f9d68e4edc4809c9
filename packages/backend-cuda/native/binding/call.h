#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace gearshift::cuda::binding {

class EnvState;

/** The memory of a typed array during one call. No JavaScript runs between reading it and using it. */
template <typename T>
struct ArrayView {
  T* data = nullptr;
  size_t length = 0;
};

/**
 * One call from JavaScript: its arguments, taken in turn and checked as they are, and its failure, if any. After the first
 * failure every reader answers with nothing, so an entry reads all it needs and then asks once.
 */
class Call {
 public:
  static constexpr size_t kMostArguments = 14;

  Call(napi_env env, napi_callback_info info) noexcept;

  napi_env env() const noexcept { return env_; }
  EnvState& state() const noexcept { return *state_; }
  bool failed() const noexcept { return failure_ != nullptr; }
  /** Has the entry throw this once it returns. A TypeError, unless it is said to be a RangeError. */
  void fail(const char* text, bool is_range_error = false) noexcept;

  // Readers of the next argument.
  int64_t integer() noexcept;
  size_t count() noexcept;
  double number() noexcept;
  ArrayView<float> floats() noexcept;
  ArrayView<uint32_t> uints() noexcept;
  ArrayView<double> doubles() noexcept;
  /** The argument as it is; null beyond the last. */
  napi_value value() noexcept;
  /** Whether the next argument is left out or undefined; it is skipped then. */
  bool skip_undefined() noexcept;

  /** The argument that was read last. */
  napi_value last() const noexcept { return arguments_[next_ - 1]; }

  napi_value give(double number) const noexcept;
  napi_value give_bool(bool truth) const noexcept;
  napi_value give_text(const char* text) const noexcept;

  /** What the guard does with a failure. */
  void throw_failure() const noexcept;

 private:
  void* array(napi_typedarray_type type, size_t* length) noexcept;

  napi_env env_;
  EnvState* state_ = nullptr;
  napi_value arguments_[kMostArguments] = {};
  size_t count_ = kMostArguments;
  size_t next_ = 0;
  const char* failure_ = nullptr;
  bool is_range_error_ = false;
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

}  // namespace gearshift::cuda::binding
