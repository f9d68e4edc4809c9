#include "binding/job.h"

#include "binding/env_state.h"
#include "binding/status.h"
#include "pool/clock.h"

namespace gearshift::binding {

Job::~Job() {
  if (operand_ != nullptr) OperandRegistry::release(operand_);
}

bool Job::keep(napi_env env, napi_value object, size_t place) noexcept {
  return napi_create_reference(env, object, 1, &kept_[place]) == napi_ok;
}

bool Job::keep_callback(napi_env env, napi_value function) noexcept {
  napi_valuetype type = napi_undefined;
  return napi_typeof(env, function, &type) == napi_ok && type == napi_function &&
         napi_create_reference(env, function, 1, &callback_) == napi_ok;
}

napi_value Job::kept(napi_env env, size_t place) const noexcept {
  napi_value object = nullptr;
  napi_get_reference_value(env, kept_[place], &object);
  return object;
}

void Job::use(SharedOperand* operand) noexcept {
  OperandRegistry::retain(operand);
  operand_ = operand;
}

void Job::drop_references(napi_env env) noexcept {
  for (napi_ref& reference : kept_) {
    if (reference != nullptr) napi_delete_reference(env, reference);
    reference = nullptr;
  }
  if (callback_ != nullptr) napi_delete_reference(env, callback_);
  callback_ = nullptr;
}

void Job::run(ThreadPool& pool) noexcept {
  started_ns_ = now_ns();
  const Execution execution{&pool, max_threads_, 0, &cancelled_};
  status_ = is_cancelled() ? kCancelled : execute(execution);
  ended_ns_ = now_ns();
  state_->finish_job(this);
}

}  // namespace gearshift::binding
