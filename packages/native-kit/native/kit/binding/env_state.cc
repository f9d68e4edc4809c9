#include "kit/binding/env_state.h"

#include "kit/clock.h"
#include "kit/status.h"

namespace gearshift::kit {

bool EnvState::set_up(napi_env env, const char* name) noexcept {
  env_ = env;
  napi_value resource_name = nullptr;
  const bool ready =
      napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource_name) == napi_ok &&
      napi_create_threadsafe_function(env, nullptr, nullptr, resource_name, 0, 1, nullptr, nullptr, this, on_jobs_ended,
                                      &wake_up_) == napi_ok &&
      napi_unref_threadsafe_function(env, wake_up_) == napi_ok &&
      napi_set_instance_data(env, this, finalize, nullptr) == napi_ok &&
      // Last, so that it runs before the hooks of the thread-safe function: those run in reverse order.
      napi_add_env_cleanup_hook(env, on_thread_end, this) == napi_ok;
  if (!ready) closed_ = true;
  return ready;
}

void EnvState::finalize(napi_env, void* state, void*) { delete static_cast<EnvState*>(state); }

void EnvState::on_thread_end(void* opaque) {
  auto* state = static_cast<EnvState*>(opaque);
  state->closed_ = true;
  state->end_jobs();
  state->clean_up();
  napi_release_threadsafe_function(state->wake_up_, napi_tsfn_abort);
}

void EnvState::end_jobs() noexcept {
  // Jobs that have not begun never will; the others end at their next opportunity.
  std::unique_lock<std::mutex> lock(mutex_);
  for (Job* job = under_way_; job != nullptr;) {
    Job* next = job->next_;
    job->cancelled_.store(true, std::memory_order_relaxed);
    if (job->withdraw()) {
      remove_from_under_way(job);
      job->next_ = ended_;
      ended_ = job;
    }
    job = next;
  }
  job_ended_.wait(lock, [this] { return under_way_ == nullptr; });
  Job* ended = ended_;
  ended_ = nullptr;
  lock.unlock();

  while (ended != nullptr) {
    Job* next = ended->next_;
    ended->drop_references(env_);
    delete ended;
    ended = next;
  }
}

int64_t EnvState::start(napi_env env, std::unique_ptr<Job> owned) noexcept {
  Job* job = owned.get();
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
  if (!job->submit()) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      remove_from_under_way(job);
    }
    job->drop_references(env);
    return kNoThread;
  }
  (void)owned.release();
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

void EnvState::remove_from_under_way(Job* job) noexcept {
  if (job->previous_ != nullptr) job->previous_->next_ = job->next_;
  else under_way_ = job->next_;
  if (job->next_ != nullptr) job->next_->previous_ = job->previous_;
  job->next_ = nullptr;
  job->previous_ = nullptr;
}

void EnvState::finish(Job* job) noexcept {
  // Everything under the mutex: once it is free, the clean-up may go on and this object may be gone.
  std::lock_guard<std::mutex> lock(mutex_);
  remove_from_under_way(job);
  const bool others_wait_already = ended_ != nullptr;
  job->next_ = ended_;
  ended_ = job;
  if (!others_wait_already) napi_call_threadsafe_function(wake_up_, nullptr, napi_tsfn_nonblocking);
  job_ended_.notify_all();
}

void EnvState::on_jobs_ended(napi_env env, napi_value, void* context, void*) {
  // Without an environment the thread is ending: the clean-up frees the jobs that ended.
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
    std::unique_ptr<Job> job(ended);
    ended = job->next_;
    if (--undelivered_ == 0) napi_unref_threadsafe_function(env, wake_up_);
    deliver(env, std::move(job));
  }
}

void EnvState::deliver(napi_env env, std::unique_ptr<Job> job) noexcept {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) scope = nullptr;
  napi_value arguments[Job::kMostReported] = {};
  const size_t count = job->report(env, arguments);
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_get_reference_value(env, job->callback_, &callback);
  napi_get_undefined(env, &receiver);
  job->drop_references(env);
  job.reset();
  // A callback that throws leaves its exception to Node, which treats it like one from any other callback.
  if (callback != nullptr) napi_call_function(env, receiver, callback, count, arguments, nullptr);
  if (scope != nullptr) napi_close_handle_scope(env, scope);
}

}  // namespace gearshift::kit
