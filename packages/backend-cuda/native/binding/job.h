#pragma once

#include <node_api.h>

#include <atomic>
#include <memory>

#include "device/workers.h"
#include "operations/request.h"
#include "residency/shared_operand.h"

namespace gearshift::cuda::binding {

class EnvState;

/**
 * A request. It owns all memory it works on: copies of its inputs, its outputs, and the operand. The caller's arrays are
 * touched by deliver() only, on the thread they belong to.
 */
class Job : public DeviceTask {
 public:
  static constexpr size_t kMostKept = 2;

  explicit Job(std::shared_ptr<SharedOperand> operand) noexcept : operand_(std::move(operand)) {}

  /** Keeps the array alive until the job is delivered or its thread ends. */
  bool keep(napi_env env, napi_value array, size_t place) noexcept {
    return napi_create_reference(env, array, 1, &kept_[place]) == napi_ok;
  }
  bool keep_callback(napi_env env, napi_value function) noexcept {
    napi_valuetype type = napi_undefined;
    return napi_typeof(env, function, &type) == napi_ok && type == napi_function &&
           napi_create_reference(env, function, 1, &callback_) == napi_ok;
  }
  void drop_references(napi_env env) noexcept;

  /** Does the work, on any thread; what came of it is in outcome(). */
  void perform() noexcept;
  /** Copies the outputs into the caller's arrays, which may have changed meanwhile. */
  virtual Outcome deliver(napi_env env) noexcept = 0;

  void run() noexcept final;

  const Outcome& outcome() const noexcept { return outcome_; }
  const DevicePhases& phases() const noexcept { return phases_; }

 protected:
  virtual Outcome execute(Run& run) noexcept = 0;
  SharedOperand& operand() const noexcept { return *operand_; }
  const std::atomic<bool>* cancelled() const noexcept { return &cancelled_; }
  napi_value kept(napi_env env, size_t place) const noexcept {
    napi_value array = nullptr;
    napi_get_reference_value(env, kept_[place], &array);
    return array;
  }

 private:
  friend class EnvState;

  const std::shared_ptr<SharedOperand> operand_;
  EnvState* state_ = nullptr;
  napi_ref kept_[kMostKept] = {};
  napi_ref callback_ = nullptr;
  std::atomic<bool> cancelled_{false};
  int64_t number_ = 0;
  Outcome outcome_;
  DevicePhases phases_;
  int64_t submitted_ns_ = 0;
  int64_t started_ns_ = 0;
};

}  // namespace gearshift::cuda::binding
