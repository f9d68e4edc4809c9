#pragma once

#include "binding/env_state.h"
#include "kit/binding/call.h"

namespace gearshift::cuda::binding {

using kit::ArrayView;
using kit::ErrorType;

/** One call from JavaScript. */
class Call : public kit::Call {
 public:
  using kit::Call::Call;

  EnvState& state() const noexcept { return static_cast<EnvState&>(*env_state()); }
};

}  // namespace gearshift::cuda::binding
