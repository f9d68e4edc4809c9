#include "binding/job.h"

#include "binding/env_state.h"

namespace gearshift::binding {

void Job::run(ThreadPool& pool) noexcept {
  begin();
  const Execution execution{&pool, max_threads_, 0, cancelled()};
  status_ = is_cancelled() ? kit::kCancelled : execute(execution);
  finish();
}

ThreadPool& Job::pool() const noexcept { return static_cast<EnvState*>(env_state())->pool(); }

bool Job::submit() noexcept { return pool().submit(this); }

bool Job::withdraw() noexcept { return pool().withdraw(this); }

size_t Job::report(napi_env env, napi_value* arguments) noexcept {
  const int status = status_ == kit::kDone ? deliver(env) : status_;
  napi_create_int32(env, status, &arguments[0]);
  napi_create_double(env, queue_ms(), &arguments[1]);
  napi_create_double(env, run_ms(), &arguments[2]);
  return 3 + (status == kit::kDone ? report_more(env, &arguments[3]) : 0);
}

}  // namespace gearshift::binding
