#include "binding/job.h"

#include "device/lane_store.h"

namespace gearshift::cuda::binding {

void Job::perform() noexcept {
  if (is_cancelled()) {
    outcome_ = {Failure::cancelled};
    return;
  }
  BorrowedLane lane(operand_->device());
  if (!lane.outcome().ok()) {
    outcome_ = lane.outcome();
    return;
  }
  Run run{*lane, cancelled(), {}};
  outcome_ = run_on_lane(run, [this](Run& on) { return execute(on); });
  phases_ = run.phases;
}

void Job::run() noexcept {
  begin();
  perform();
  finish();
}

bool Job::submit() noexcept { return operand_->device().workers().submit(this); }

bool Job::withdraw() noexcept { return operand_->device().workers().withdraw(this); }

size_t Job::report(napi_env env, napi_value* arguments) noexcept {
  const Outcome outcome = outcome_.ok() ? deliver(env) : outcome_;
  const double numbers[] = {static_cast<double>(outcome.failure),
                            queue_ms(),
                            phases_.upload_ms,
                            phases_.kernel_ms,
                            phases_.download_ms,
                            static_cast<double>(outcome.code),
                            static_cast<double>(outcome.requested_bytes)};
  size_t count = 0;
  for (const double number : numbers) napi_create_double(env, number, &arguments[count++]);
  napi_create_string_utf8(env, outcome.call == nullptr ? "" : outcome.call, NAPI_AUTO_LENGTH, &arguments[count++]);
  return count;
}

}  // namespace gearshift::cuda::binding
