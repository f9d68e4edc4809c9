#include "binding/env_state.h"

#include <new>

#include "binding/job.h"
#include "binding/status.h"
#include "pool/clock.h"
#include "pool/process_pool.h"

namespace gearshift::binding {

EnvState* EnvState::create(napi_env env) noexcept {
  auto* state = new (std::nothrow) EnvState();
  if (state == nullptr) return nullptr;
  state->env_ = env;
  state->pool_ = acquire_process_pool();
  if (state->pool_ == nullptr) {
    delete state;
    return nullptr;
  }
  napi_value name = nullptr;
  const bool ready =
      napi_create_string_utf8(env, "gearshift:cpu", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, state, on_jobs_ended,
                                      &state->wake_up_) == napi_ok &&
      napi_unref_threadsafe_function(env, state->wake_up_) == napi_ok &&
      napi_set_instance_data(env, state, finalize, nullptr) == napi_ok &&
      // Last, so that it runs before the hooks of the thread-safe function: those run in reverse order.
      napi_add_env_cleanup_hook(env, clean_up, state) == napi_ok;
  if (ready) return state;
  release_process_pool();
  state->closed_ = true;  // the finalizer may own it by now: leave it to the end of the thread
  return nullptr;
}

void EnvState::clean_up(void* opaque) {
  auto* state = static_cast<EnvState*>(opaque);
  state->closed_ = true;
  // Jobs that have not begun never will; the others end at their next chunk.
  std::unique_lock<std::mutex> lock(state->mutex_);
  for (Job* job = state->under_way_; job != nullptr;) {
    Job* next = job->next_;
    job->cancelled_.store(true, std::memory_order_relaxed);
    if (state->pool_->withdraw(job)) {
      if (job->previous_ != nullptr) job->previous_->next_ = job->next_;
      else state->under_way_ = job->next_;
      if (job->next_ != nullptr) job->next_->previous_ = job->previous_;
      job->next_ = state->ended_;
      state->ended_ = job;
    }
    job = next;
  }
  state->job_ended_.wait(lock, [state] { return state->under_way_ == nullptr; });
  Job* ended = state->ended_;
  state->ended_ = nullptr;
  lock.unlock();

  while (ended != nullptr) {
    Job* next = ended->next_;
    ended->drop_references(state->env_);
    delete ended;
    ended = next;
  }
  state->handles_.clear([state](SharedOperand* operand, int64_t handle) {
    OperandRegistry::give_up(operand, {state, handle});
    OperandRegistry::release(operand);
  });
  if (state->block_array_ != nullptr) napi_delete_reference(state->env_, state->block_array_);
  state->block_ = nullptr;
  napi_release_threadsafe_function(state->wake_up_, napi_tsfn_abort);
  state->pool_ = nullptr;
  release_process_pool();
}

napi_value EnvState::share_block(napi_env env, napi_value array, void* memory) noexcept {
  if (block_ == nullptr) {
    if (napi_create_reference(env, array, 1, &block_array_) != napi_ok) return nullptr;
    block_ = static_cast<CallBlock*>(memory);
  }
  napi_value in_use = nullptr;
  napi_get_reference_value(env, block_array_, &in_use);
  return in_use;
}

void EnvState::finalize(napi_env, void* state, void*) { delete static_cast<EnvState*>(state); }

int64_t EnvState::start(napi_env env, Job* job) noexcept {
  job->state_ = this;
  job->number_ = ++last_job_number_;
  job->submitted_ns_ = now_ns();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    job->next_ = under_way_;
    if (under_way_ != nullptr) under_way_->previous_ = job;
    under_way_ = job;
  }
  const int64_t number = job->number_;
  if (!pool_->submit(job)) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      under_way_ = job->next_;
      if (under_way_ != nullptr) under_way_->previous_ = nullptr;
    }
    job->drop_references(env);
    delete job;
    return kNoThread;
  }
  if (undelivered_++ == 0) napi_ref_threadsafe_function(env, wake_up_);
  return number;
}

void EnvState::cancel(int64_t number) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Job* job = under_way_; job != nullptr; job = job->next_) {
    if (job->number_ != number) continue;
    job->cancelled_.store(true, std::memory_order_relaxed);
    return;
  }
}

void EnvState::finish_job(Job* job) noexcept {
  // Everything under the mutex: once it is free, the clean-up may go on and this object may be gone.
  std::lock_guard<std::mutex> lock(mutex_);
  if (job->previous_ != nullptr) job->previous_->next_ = job->next_;
  else under_way_ = job->next_;
  if (job->next_ != nullptr) job->next_->previous_ = job->previous_;
  const bool others_wait_already = ended_ != nullptr;
  job->previous_ = nullptr;
  job->next_ = ended_;
  ended_ = job;
  if (!others_wait_already) napi_call_threadsafe_function(wake_up_, nullptr, napi_tsfn_nonblocking);
  job_ended_.notify_all();
}

void EnvState::on_jobs_ended(napi_env env, napi_value, void* context, void*) {
  // Without an environment the thread is ending, and what ended was or will be dealt with by the clean-up.
  if (env != nullptr) static_cast<EnvState*>(context)->deliver_ended_jobs(env);
}

void EnvState::deliver_ended_jobs(napi_env env) noexcept {
  Job* newest_first;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    newest_first = ended_;
    ended_ = nullptr;
  }
  Job* ended = nullptr;
  while (newest_first != nullptr) {
    Job* next = newest_first->next_;
    newest_first->next_ = ended;
    ended = newest_first;
    newest_first = next;
  }
  while (ended != nullptr) {
    Job* job = ended;
    ended = job->next_;
    if (--undelivered_ == 0) napi_unref_threadsafe_function(env, wake_up_);

    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) scope = nullptr;
    const int status = job->status_ == kDone ? job->deliver(env) : job->status_;
    napi_value callback = nullptr;
    napi_value receiver = nullptr;
    napi_value arguments[3] = {};
    napi_get_reference_value(env, job->callback_, &callback);
    napi_get_undefined(env, &receiver);
    napi_create_int32(env, status, &arguments[0]);
    napi_create_double(env, static_cast<double>(job->started_ns_ - job->submitted_ns_) * 1e-6, &arguments[1]);
    napi_create_double(env, static_cast<double>(job->ended_ns_ - job->started_ns_) * 1e-6, &arguments[2]);
    job->drop_references(env);
    delete job;
    // A callback that throws leaves its exception to Node, which treats it like one from any other callback.
    if (callback != nullptr) napi_call_function(env, receiver, callback, 3, arguments, nullptr);
    if (scope != nullptr) napi_close_handle_scope(env, scope);
  }
}

}  // namespace gearshift::binding
