#include "binding/start_job.h"

#include "binding/entries.h"
#include "binding/env_state.h"
#include "kit/status.h"

namespace gearshift::binding {

napi_value start_job(Call& call, std::unique_ptr<Job> job, int status, size_t callback_argument) noexcept {
  if (status == kit::kDone && !call.failed() && !job->keep_callback(call.env(), call.raw(callback_argument))) {
    call.fail(ErrorType::type, "done: expected a function");
  }
  if (status < 0 || call.failed()) {
    job->drop_references(call.env());
    return call.failed() ? nullptr : call.give_integer(status);
  }
  return call.give_integer(call.state().start(call.env(), std::move(job)));
}

napi_value cancel(Call& call) {
  const int64_t number = call.integer(0);
  if (!call.failed()) call.state().cancel(number);
  return nullptr;
}

}  // namespace gearshift::binding
