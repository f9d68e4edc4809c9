#pragma once

#include <node_api.h>

#include <atomic>
#include <cstdint>

#include "binding/operand_registry.h"
#include "pool/run_in_chunks.h"
#include "pool/thread_pool.h"

namespace gearshift::binding {

class EnvState;

/**
 * An asynchronous request. It owns all memory it works on: copies of its inputs, its outputs, and references to resident
 * operands or shared buffers. The caller's arrays are touched by deliver() only, on the thread they belong to.
 */
class Job : public AsyncTask {
 public:
  /** At most this many JavaScript objects are kept alive by a job. */
  static constexpr size_t kMostReferences = 3;

  explicit Job(unsigned max_threads) noexcept : max_threads_(max_threads) {}
  ~Job() override;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /** Keeps the object alive until the job is delivered or its thread ends; its place among the references. */
  bool keep(napi_env env, napi_value object, size_t place) noexcept;
  bool keep_callback(napi_env env, napi_value function) noexcept;
  /** Takes one more reference to the operand for as long as the job lives. */
  void use(SharedOperand* operand) noexcept;

  /** Lets go of what keep() and keep_callback() took; on the thread of the job's owner. */
  void drop_references(napi_env env) noexcept;

  void run(ThreadPool& pool) noexcept final;

 protected:
  /** Does the work on a pool thread; a Status. */
  virtual int execute(const Execution& execution) noexcept = 0;
  /** Copies the outputs into the caller's arrays, which may have changed meanwhile; a Status. */
  virtual int deliver(napi_env) noexcept { return 0; }

  bool is_cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  napi_value kept(napi_env env, size_t place) const noexcept;
  SharedOperand* operand() const noexcept { return operand_; }

 private:
  friend class EnvState;

  const unsigned max_threads_;
  EnvState* state_ = nullptr;
  SharedOperand* operand_ = nullptr;
  napi_ref kept_[kMostReferences] = {};
  napi_ref callback_ = nullptr;
  std::atomic<bool> cancelled_{false};
  int64_t number_ = 0;
  int status_ = 0;
  int64_t submitted_ns_ = 0;
  int64_t started_ns_ = 0;
  int64_t ended_ns_ = 0;
  Job* next_ = nullptr;      // in the list of its thread's jobs
  Job* previous_ = nullptr;
};

}  // namespace gearshift::binding
