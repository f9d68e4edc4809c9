#pragma once

#include <node_api.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "binding/call_block.h"
#include "binding/candidate_list.h"
#include "binding/handle_table.h"
#include "binding/query_group.h"
#include "binding/scan_calls.h"
#include "pool/thread_pool.h"

namespace gearshift::binding {

class Job;

/**
 * What the addon knows about one JavaScript thread (one napi_env). It outlives every job of that thread: the clean-up hook
 * cancels them and waits, so a worker can be terminated at any moment and nothing native is left behind.
 */
class EnvState {
 public:
  /** Null when something it needs cannot be had; an exception may be pending then. */
  static EnvState* create(napi_env env) noexcept;
  ~EnvState() = default;

  ThreadPool& pool() const noexcept { return *pool_; }
  bool is_closed() const noexcept { return closed_; }
  HandleTable& handles() noexcept { return handles_; }
  /** Null until JavaScript shared one. */
  const CallBlock* block() const noexcept { return block_; }
  CallBlock* block() noexcept { return block_; }
  /** Takes the block, unless there is one; the one in use, or null. `array` must be shared and large enough. */
  napi_value share_block(napi_env env, napi_value array, void* memory) noexcept;

  /** Working space of synchronous calls, of which a thread has one at a time. */
  QueryGroup& queries() noexcept { return queries_; }
  CandidateList& candidates() noexcept { return candidates_; }
  TopKWorkspace& selectors() noexcept { return selectors_; }

  /** Takes over the job and starts it; its number, or a negative status and the job is gone. */
  int64_t start(napi_env env, Job* job) noexcept;
  void cancel(int64_t number) noexcept;

  /** For jobs, on their pool thread: the last thing they do. */
  void finish_job(Job* job) noexcept;

 private:
  EnvState() = default;
  static void clean_up(void* state);
  static void finalize(napi_env env, void* state, void* hint);
  static void on_jobs_ended(napi_env env, napi_value callback, void* context, void* data);
  void deliver_ended_jobs(napi_env env) noexcept;

  napi_env env_ = nullptr;
  ThreadPool* pool_ = nullptr;
  napi_threadsafe_function wake_up_ = nullptr;
  HandleTable handles_;
  QueryGroup queries_;
  CandidateList candidates_;
  TopKWorkspace selectors_;
  CallBlock* block_ = nullptr;
  napi_ref block_array_ = nullptr;
  bool closed_ = false;
  int64_t last_job_number_ = 0;
  size_t undelivered_ = 0;  // started and not delivered yet: while there are some, the event loop stays alive

  std::mutex mutex_;
  std::condition_variable job_ended_;
  Job* under_way_ = nullptr;  // guarded by mutex_
  Job* ended_ = nullptr;      // guarded by mutex_, newest first
};

}  // namespace gearshift::binding
