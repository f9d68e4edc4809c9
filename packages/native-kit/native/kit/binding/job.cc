#include "kit/binding/job.h"

#include "kit/binding/env_state.h"
#include "kit/clock.h"

namespace gearshift::kit {

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

void Job::drop_references(napi_env env) noexcept {
  for (napi_ref& reference : kept_) {
    if (reference != nullptr) napi_delete_reference(env, reference);
    reference = nullptr;
  }
  if (callback_ != nullptr) napi_delete_reference(env, callback_);
  callback_ = nullptr;
}

void Job::begin() noexcept { begun_ns_ = now_ns(); }

void Job::finish() noexcept {
  ended_ns_ = now_ns();
  state_->finish(this);
}

}  // namespace gearshift::kit
