#pragma once

#include "binding/call.h"

namespace gearshift::cuda::binding {

/** Notes the outcome for readReport and gives its status: 0, or below 0 the Failure. */
inline napi_value give_outcome(Call& call, const Outcome& outcome) noexcept {
  call.state().last_outcome = outcome;
  return call.give(static_cast<double>(outcome.failure));
}

}  // namespace gearshift::cuda::binding
