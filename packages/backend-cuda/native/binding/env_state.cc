#include "binding/env_state.h"

#include <algorithm>
#include <new>

#include "device/clock.h"

namespace gearshift::cuda::binding {

EnvState* EnvState::create(napi_env env) noexcept {
  auto* state = new (std::nothrow) EnvState();
  if (state == nullptr) return nullptr;
  state->env_ = env;
  napi_value name = nullptr;
  const bool ready =
      napi_create_string_utf8(env, "gearshift:cuda", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, state, on_jobs_ended,
                                      &state->wake_up_) == napi_ok &&
      napi_unref_threadsafe_function(env, state->wake_up_) == napi_ok &&
      napi_set_instance_data(env, state, finalize, nullptr) == napi_ok &&
      // Last, so that it runs before the hooks of the thread-safe function: those run in reverse order.
      napi_add_env_cleanup_hook(env, clean_up, state) == napi_ok;
  if (ready) return state;
  state->closed_ = true;  // the finalizer may own it by now: leave it to the end of the thread
  return nullptr;
}

void EnvState::finalize(napi_env, void* state, void*) { delete static_cast<EnvState*>(state); }

void EnvState::clean_up(void* opaque) {
  auto* state = static_cast<EnvState*>(opaque);
  state->closed_ = true;
  std::unique_lock<std::mutex> lock(state->mutex_);
  // Jobs that have not begun never will; the others end after the work that the device is at.
  std::vector<Job*> withdrawn;
  for (Job* job : state->under_way_) {
    job->cancelled_.store(true, std::memory_order_relaxed);
    if (job->operand_->device().workers().withdraw(job)) withdrawn.push_back(job);
  }
  for (Job* job : withdrawn) {
    state->under_way_.erase(std::find(state->under_way_.begin(), state->under_way_.end(), job));
    state->ended_.push_back(job);
  }
  state->job_ended_.wait(lock, [state] { return state->under_way_.empty(); });
  std::vector<Job*> ended;
  ended.swap(state->ended_);
  lock.unlock();
  for (Job* job : ended) {
    job->drop_references(state->env_);
    delete job;
  }
  for (auto& [handle, operand] : state->operands_) OperandRegistry::give_up(*operand, {state, handle});
  state->operands_.clear();
  state->devices_.clear();
  napi_release_threadsafe_function(state->wake_up_, napi_tsfn_abort);
}

int64_t EnvState::add_device(DeviceRef device) {
  devices_[++last_handle_] = std::move(device);
  return last_handle_;
}

DeviceRef EnvState::find_device(int64_t handle) const noexcept {
  const auto found = devices_.find(handle);
  return found == devices_.end() ? nullptr : found->second;
}

void EnvState::remove_device(int64_t handle) noexcept { devices_.erase(handle); }

int64_t EnvState::add_operand(std::shared_ptr<SharedOperand> operand) {
  operands_[++last_handle_] = std::move(operand);
  return last_handle_;
}

std::shared_ptr<SharedOperand> EnvState::find_operand(int64_t handle) const noexcept {
  const auto found = operands_.find(handle);
  return found == operands_.end() ? nullptr : found->second;
}

void EnvState::remove_operand(int64_t handle) noexcept {
  const auto found = operands_.find(handle);
  if (found == operands_.end()) return;
  OperandRegistry::give_up(*found->second, {this, handle});
  operands_.erase(found);
}

std::shared_ptr<SharedOperand> EnvState::take_operand(int64_t handle) noexcept {
  const auto found = operands_.find(handle);
  if (found == operands_.end()) return nullptr;
  auto operand = std::move(found->second);
  operands_.erase(found);
  return operand;
}

void EnvState::put_operand(int64_t handle, std::shared_ptr<SharedOperand> operand) {
  operands_[handle] = std::move(operand);
}

int64_t EnvState::start(napi_env env, std::unique_ptr<Job> owned) noexcept {
  Job* job = owned.get();
  job->state_ = this;
  job->number_ = ++last_job_number_;
  job->submitted_ns_ = now_ns();
  const int64_t number = job->number_;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    under_way_.push_back(job);
  }
  if (!job->operand_->device().workers().submit(job)) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      under_way_.erase(std::find(under_way_.begin(), under_way_.end(), job));
    }
    owned->drop_references(env);
    return 0;
  }
  owned.release();
  if (undelivered_++ == 0) napi_ref_threadsafe_function(env, wake_up_);
  return number;
}

void EnvState::cancel(int64_t number) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Job* job : under_way_) {
    if (job->number_ == number) job->cancelled_.store(true, std::memory_order_relaxed);
  }
}

void EnvState::finish_job(Job* job) noexcept {
  // Everything under the mutex: once it is free, the clean-up may go on and this object may be gone.
  std::lock_guard<std::mutex> lock(mutex_);
  under_way_.erase(std::find(under_way_.begin(), under_way_.end(), job));
  ended_.push_back(job);
  if (ended_.size() == 1) napi_call_threadsafe_function(wake_up_, nullptr, napi_tsfn_nonblocking);
  job_ended_.notify_all();
}

void EnvState::on_jobs_ended(napi_env env, napi_value, void* context, void*) {
  // Without an environment the thread is ending, and what ended was or will be dealt with by the clean-up.
  if (env != nullptr) static_cast<EnvState*>(context)->deliver_ended_jobs(env);
}

void EnvState::deliver_ended_jobs(napi_env env) noexcept {
  std::vector<Job*> ended;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended.swap(ended_);
  }
  for (Job* job : ended) {
    if (--undelivered_ == 0) napi_unref_threadsafe_function(env, wake_up_);
    deliver(env, std::unique_ptr<Job>(job));
  }
}

void EnvState::deliver(napi_env env, std::unique_ptr<Job> job) noexcept {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) scope = nullptr;
  const Outcome outcome = job->outcome_.ok() ? job->deliver(env) : job->outcome_;
  const double numbers[] = {outcome.ok() ? 0 : -static_cast<double>(outcome.failure),
                            static_cast<double>(job->started_ns_ - job->submitted_ns_) * 1e-6,
                            job->phases_.upload_ms,
                            job->phases_.kernel_ms,
                            job->phases_.download_ms,
                            static_cast<double>(outcome.code),
                            static_cast<double>(outcome.requested_bytes)};
  constexpr size_t kNumbers = sizeof numbers / sizeof numbers[0];
  napi_value arguments[kNumbers + 1] = {};
  for (size_t i = 0; i < kNumbers; ++i) napi_create_double(env, numbers[i], &arguments[i]);
  napi_create_string_utf8(env, outcome.call == nullptr ? "" : outcome.call, NAPI_AUTO_LENGTH, &arguments[kNumbers]);
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_get_reference_value(env, job->callback_, &callback);
  napi_get_undefined(env, &receiver);
  job->drop_references(env);
  job.reset();
  // A callback that throws leaves its exception to Node, which treats it like one from any other callback.
  if (callback != nullptr) napi_call_function(env, receiver, callback, kNumbers + 1, arguments, nullptr);
  if (scope != nullptr) napi_close_handle_scope(env, scope);
}

}  // namespace gearshift::cuda::binding
