#pragma once

#include <node_api.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "binding/job.h"

namespace gearshift::cuda::binding {

/**
 * What the addon knows about one JavaScript thread (one napi_env). It outlives every job of that thread: the clean-up hook
 * cancels them and waits, so a worker can be terminated at any moment and nothing native is left behind.
 */
class EnvState {
 public:
  /** Null when something it needs cannot be had; an exception may be pending then. */
  static EnvState* create(napi_env env) noexcept;

  bool is_closed() const noexcept { return closed_; }

  int64_t add_device(DeviceRef device);
  DeviceRef find_device(int64_t handle) const noexcept;
  void remove_device(int64_t handle) noexcept;

  int64_t add_operand(std::shared_ptr<SharedOperand> operand);
  std::shared_ptr<SharedOperand> find_operand(int64_t handle) const noexcept;
  void remove_operand(int64_t handle) noexcept;
  /** Takes the reference of a handle, which is to be put back. */
  std::shared_ptr<SharedOperand> take_operand(int64_t handle) noexcept;
  void put_operand(int64_t handle, std::shared_ptr<SharedOperand> operand);

  /** Starts the job on a thread of its device; its number, or 0 when there is no thread for it. */
  int64_t start(napi_env env, std::unique_ptr<Job> job) noexcept;
  void cancel(int64_t number) noexcept;
  /** For jobs, on their thread: the last thing they do. */
  void finish_job(Job* job) noexcept;

  /** Of the call that ran last on this thread. */
  Outcome last_outcome;
  DevicePhases last_phases;

 private:
  EnvState() = default;
  static void clean_up(void* state);
  static void finalize(napi_env env, void* state, void* hint);
  static void on_jobs_ended(napi_env env, napi_value callback, void* context, void* data);
  void deliver_ended_jobs(napi_env env) noexcept;
  void deliver(napi_env env, std::unique_ptr<Job> job) noexcept;

  napi_env env_ = nullptr;
  napi_threadsafe_function wake_up_ = nullptr;
  std::map<int64_t, DeviceRef> devices_;
  std::map<int64_t, std::shared_ptr<SharedOperand>> operands_;
  int64_t last_handle_ = 0;
  int64_t last_job_number_ = 0;
  size_t undelivered_ = 0;  // started and not delivered yet: while there are some, the event loop stays alive
  bool closed_ = false;

  std::mutex mutex_;
  std::condition_variable job_ended_;
  std::vector<Job*> under_way_;  // guarded by mutex_
  std::vector<Job*> ended_;      // guarded by mutex_, oldest first
};

}  // namespace gearshift::cuda::binding
