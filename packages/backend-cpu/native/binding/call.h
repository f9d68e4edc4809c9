#pragma once

#include "binding/env_state.h"
#include "kit/binding/call.h"

namespace gearshift::binding {

using kit::ArrayView;
using kit::ErrorType;

/** One call from JavaScript; scalars of a synchronous one may come through the block. */
class Call : public kit::Call {
 public:
  Call(napi_env env, napi_callback_info info) noexcept : kit::Call(env, info) {
    if (env_state() != nullptr && state().block() != nullptr) scalars_ = state().block()->scalars;
  }

  EnvState& state() const noexcept { return static_cast<EnvState&>(*env_state()); }

  // The readers of arguments for scalars of the block.
  int32_t small_scalar(size_t place) noexcept { return static_cast<int32_t>(count_scalar(place)); }
  size_t count_scalar(size_t place) noexcept {
    const double value = scalars_[place];
    if (value >= 0 && value < kMostExact) return static_cast<size_t>(static_cast<int64_t>(value));
    fail(ErrorType::range, "scalars: expected a count");
    return 0;
  }
  /** The sequence of a version, which may be negative; 0 if it is none. */
  int32_t sequence_scalar() const noexcept {
    const double value = scalars_[kSequenceScalar];
    return value >= INT32_MIN && value <= INT32_MAX ? static_cast<int32_t>(value) : 0;
  }
  double scalar(size_t place) const noexcept { return scalars_[place]; }
  float float_scalar(size_t place) const noexcept { return static_cast<float>(scalars_[place]); }

 private:
  static constexpr double kMostExact = 9007199254740992.0;

  const double* scalars_ = nullptr;  // of the block
};

}  // namespace gearshift::binding
