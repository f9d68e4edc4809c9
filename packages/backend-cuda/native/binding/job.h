#pragma once

#include <utility>

#include "device/workers.h"
#include "kit/binding/job.h"
#include "operations/request.h"
#include "residency/shared_operand.h"

namespace gearshift::cuda::binding {

/** A request on a copy, which runs on a thread of its device, or at once on the caller's. */
class Job : public kit::Job, public DeviceTask {
 public:
  explicit Job(kit::Ref<SharedOperand> operand) noexcept : operand_(std::move(operand)) {}

  /** Does the work, on any thread; the result is in outcome(). */
  void perform() noexcept;
  /** Copies the outputs into the caller's arrays, which may have changed meanwhile. */
  virtual Outcome deliver(napi_env env) noexcept = 0;

  const Outcome& outcome() const noexcept { return outcome_; }
  const DevicePhases& phases() const noexcept { return phases_; }

 protected:
  virtual Outcome execute(Run& run) noexcept = 0;
  SharedOperand& operand() const noexcept { return *operand_; }

 private:
  void run() noexcept final;
  bool submit() noexcept final;
  bool withdraw() noexcept final;
  size_t report(napi_env env, napi_value* arguments) noexcept final;

  const kit::Ref<SharedOperand> operand_;
  Outcome outcome_;
  DevicePhases phases_;
};

}  // namespace gearshift::cuda::binding
