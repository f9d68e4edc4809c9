#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "kit/binding/job.h"
#include "kit/condition.h"

namespace gearshift::kit {

/**
 * What an addon knows about one JavaScript thread (one napi_env): its jobs, and in a derived class what else it holds. It
 * outlives every job of that thread: the clean-up hook cancels them and waits, so a worker can be terminated at any moment and
 * nothing native is left behind.
 */
class EnvState {
 public:
  virtual ~EnvState() = default;
  EnvState(const EnvState&) = delete;
  EnvState& operator=(const EnvState&) = delete;

  bool is_closed() const noexcept { return closed_; }

  /** Takes over the job and starts it; its number, or kNoThread and the job is gone. */
  int64_t start(napi_env env, std::unique_ptr<Job> job) noexcept;
  /** Asks the job with this number to end; one that has ended already is left alone. */
  void cancel(int64_t number) noexcept;

 protected:
  EnvState() = default;
  /**
   * Ties the state to its thread, which deletes it when it ends. False when something it needs cannot be had; an exception
   * may be pending then, and the state is left to the end of the thread.
   *
   * @param name of the addon, for diagnostics
   */
  bool set_up(napi_env env, const char* name) noexcept;
  /** Gives back what the derived class holds. The thread is ending, and no job is under way any more. */
  virtual void clean_up() noexcept = 0;
  napi_env env() const noexcept { return env_; }

 private:
  friend class Job;

  static void on_thread_end(void* state);
  static void finalize(napi_env env, void* state, void* hint);
  static void on_jobs_ended(napi_env env, napi_value callback, void* context, void* data);
  void finish(Job* job) noexcept;
  void end_jobs() noexcept;
  void deliver_ended_jobs(napi_env env) noexcept;
  void deliver(napi_env env, std::unique_ptr<Job> job) noexcept;
  void remove_from_under_way(Job* job) noexcept;

  napi_env env_ = nullptr;
  napi_threadsafe_function wake_up_ = nullptr;
  bool closed_ = false;
  int64_t last_job_number_ = 0;
  size_t undelivered_ = 0;  // started and not delivered yet: while there are some, the event loop stays alive

  std::mutex mutex_;
  Condition job_ended_;
  Job* under_way_ = nullptr;  // guarded by mutex_
  Job* ended_ = nullptr;      // guarded by mutex_, newest first
};

}  // namespace gearshift::kit
