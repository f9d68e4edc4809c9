#pragma once

#include "binding/env_state.h"

namespace gearshift::cuda::binding {

/** Notes the outcome for readReport and gives its status: 0, or below 0 the negated Failure. */
inline double note(Call& call, const Outcome& outcome) noexcept {
  call.state().last_outcome = outcome;
  return outcome.ok() ? 0 : -static_cast<double>(outcome.failure);
}

inline napi_value give_outcome(Call& call, const Outcome& outcome) noexcept { return call.give(note(call, outcome)); }

}  // namespace gearshift::cuda::binding
