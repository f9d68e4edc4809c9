#pragma once

#include "binding/job.h"
#include "kit/binding/env_state.h"
#include "kit/handle_table.h"

namespace gearshift::cuda::binding {

/** What the CUDA addon knows about one JavaScript thread. */
class EnvState final : public kit::EnvState {
 public:
  /** Null when something it needs cannot be had; an exception may be pending then. */
  static EnvState* create(napi_env env) noexcept;

  kit::HandleTable<Device>& devices() noexcept { return devices_; }
  kit::HandleTable<SharedOperand>& operands() noexcept { return operands_; }

  /** Of the call that ran last on this thread. */
  Outcome last_outcome;
  DevicePhases last_phases;

 private:
  EnvState() = default;
  void clean_up() noexcept override;

  kit::HandleTable<Device> devices_;
  kit::HandleTable<SharedOperand> operands_;
};

}  // namespace gearshift::cuda::binding
