#pragma once

#include <cstddef>

#include "binding/call_context.h"
#include "binding/shared_operand.h"
#include "binding/spread_calls.h"

namespace gearshift::binding {

/** The graph behind a handle; fails the call when there is none, or it is not ready. */
SharedOperand* find_ready_graph(Call& call, int64_t handle) noexcept;
/** Three arguments from `index` on. */
SpreadOptions read_spread_options(Call& call, size_t index) noexcept;
Spread describe_spread(const CallContext& context, SharedOperand& operand, const SpreadOptions& options) noexcept;

}  // namespace gearshift::binding
