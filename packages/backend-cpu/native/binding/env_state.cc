#include "binding/env_state.h"

#include <new>

#include "pool/process_pool.h"

namespace gearshift::binding {

EnvState* EnvState::create(napi_env env) noexcept {
  auto* state = new (std::nothrow) EnvState();
  if (state == nullptr) return nullptr;
  state->pool_ = acquire_process_pool();
  if (state->pool_ == nullptr) {
    delete state;
    return nullptr;
  }
  if (state->set_up(env, "gearshift:cpu")) return state;
  release_process_pool();
  return nullptr;
}

void EnvState::clean_up() noexcept {
  handles_.clear([this](OperandHandle& handle, int64_t number) {
    handle.references().drop(env());
    kit::OperandRegistry::give_up(handle.operand(), {this, number});
  });
  pins_.clear(env());
  if (block_array_ != nullptr) napi_delete_reference(env(), block_array_);
  block_ = nullptr;
  pool_ = nullptr;
  release_process_pool();
}

napi_value EnvState::share_block(napi_env env, napi_value array, void* memory) noexcept {
  if (block_ == nullptr) {
    if (napi_create_reference(env, array, 1, &block_array_) != napi_ok) return nullptr;
    block_ = static_cast<CallBlock*>(memory);
  }
  napi_value in_use = nullptr;
  napi_get_reference_value(env, block_array_, &in_use);
  return in_use;
}

}  // namespace gearshift::binding
