#include "binding/job.h"

#include "binding/env_state.h"
#include "device/clock.h"
#include "device/lane_store.h"

namespace gearshift::cuda::binding {

void Job::drop_references(napi_env env) noexcept {
  for (napi_ref& reference : kept_) {
    if (reference != nullptr) napi_delete_reference(env, reference);
    reference = nullptr;
  }
  if (callback_ != nullptr) napi_delete_reference(env, callback_);
  callback_ = nullptr;
}

void Job::perform() noexcept {
  started_ns_ = now_ns();
  if (cancelled_.load(std::memory_order_relaxed)) {
    outcome_ = {Failure::cancelled};
    return;
  }
  BorrowedLane lane(operand_->device());
  if (!lane.outcome().ok()) {
    outcome_ = lane.outcome();
    return;
  }
  Run run{*lane, &cancelled_, {}};
  outcome_ = run_on_lane(run, [this](Run& on) { return execute(on); });
  phases_ = run.phases;
}

void Job::run() noexcept {
  perform();
  state_->finish_job(this);
}

}  // namespace gearshift::cuda::binding
