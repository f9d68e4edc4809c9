#pragma once

#include <cstddef>

#include "binding/call_context.h"
#include "binding/shared_operand.h"
#include "binding/spread_calls.h"

namespace gearshift::binding {

struct SpreadScalars {
  float decay;
  float retention;
  float threshold;
};

/** The graph behind a handle; fails the call when there is none, or it is not ready. */
SharedOperand* find_ready_graph(Call& call, int64_t handle) noexcept;
/** Three arguments from `index` on. */
SpreadScalars read_spread_scalars(Call& call, size_t index) noexcept;
Spread describe_spread(const CallContext& context, const SharedOperand& operand, const SpreadScalars& scalars) noexcept;

}  // namespace gearshift::binding
