#pragma once

#include "binding/shared_operand.h"
#include "kit/binding/job.h"
#include "kit/status.h"
#include "pool/run_in_chunks.h"
#include "pool/thread_pool.h"

namespace gearshift::binding {

/** A job on the threads of the pool. */
class Job : public kit::Job, public AsyncTask {
 public:
  explicit Job(unsigned max_threads) noexcept : max_threads_(max_threads) {}

  /** Holds a reference to the operand for as long as the job lives. */
  void use(SharedOperand* operand) noexcept { operand_ = kit::Ref<SharedOperand>::retain(operand); }

  void run(ThreadPool& pool) noexcept final;

 protected:
  /** Does the work on a pool thread; a Status. */
  virtual int execute(const Execution& execution) noexcept = 0;
  /** Copies the outputs into the caller's arrays, which may have changed meanwhile; a Status. */
  virtual int deliver(napi_env) noexcept { return kit::kDone; }
  /** Makes more arguments of the callback of a job that is done, at most five; how many there are. */
  virtual size_t report_more(napi_env, napi_value*) noexcept { return 0; }

  SharedOperand* operand() const noexcept { return operand_.get(); }

 private:
  bool submit() noexcept final;
  bool withdraw() noexcept final;
  size_t report(napi_env env, napi_value* arguments) noexcept final;
  ThreadPool& pool() const noexcept;

  const unsigned max_threads_;
  kit::Ref<SharedOperand> operand_;
  int status_ = kit::kDone;
};

}  // namespace gearshift::binding
