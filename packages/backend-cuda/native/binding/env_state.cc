#include "binding/env_state.h"

#include <new>

namespace gearshift::cuda::binding {

EnvState* EnvState::create(napi_env env) noexcept {
  auto* state = new (std::nothrow) EnvState();
  return state != nullptr && state->set_up(env, "gearshift:cuda") ? state : nullptr;
}

void EnvState::clean_up() noexcept {
  operands_.clear([this](SharedOperand& operand, int64_t handle) { OperandRegistry::give_up(operand, {this, handle}); });
  devices_.clear([](Device&, int64_t) {});
}

}  // namespace gearshift::cuda::binding
