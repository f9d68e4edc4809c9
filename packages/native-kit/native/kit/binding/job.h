#pragma once

#include <node_api.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gearshift::kit {

class EnvState;

/**
 * An asynchronous request. It owns all memory it works on: copies of its inputs, its outputs, and references to resident
 * operands or shared buffers. The caller's arrays are written by report() only, on the thread they belong to.
 */
class Job {
 public:
  /** At most this many JavaScript objects are kept alive by a job. */
  static constexpr size_t kMostKept = 7;
  /** At most this many arguments has its callback. */
  static constexpr size_t kMostReported = 8;

  Job() = default;
  virtual ~Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /** Keeps the object alive until the job is reported or its thread ends; its place among the references. */
  bool keep(napi_env env, napi_value object, size_t place) noexcept;
  bool keep_callback(napi_env env, napi_value function) noexcept;
  /** Releases what keep() and keep_callback() took; on the thread of the job's owner. */
  void drop_references(napi_env env) noexcept;

 protected:
  /** Hands the job to a thread, which calls begin(), does the work and calls finish(). False when there is no thread. */
  virtual bool submit() noexcept = 0;
  /** Takes back a job that no thread has begun; false when one has. */
  virtual bool withdraw() noexcept = 0;
  /**
   * Copies the outputs into the caller's arrays, which may have changed meanwhile, and makes the arguments of the callback.
   *
   * @return how many there are
   */
  virtual size_t report(napi_env env, napi_value* arguments) noexcept = 0;

  void begin() noexcept;
  /** The last that a thread does with the job, which may be gone afterwards. */
  void finish() noexcept;

  bool is_cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  const std::atomic<bool>* cancelled() const noexcept { return &cancelled_; }
  napi_value kept(napi_env env, size_t place) const noexcept;
  /** Of the thread that started it; null before. */
  EnvState* env_state() const noexcept { return state_; }
  double queue_ms() const noexcept { return static_cast<double>(begun_ns_ - submitted_ns_) * 1e-6; }
  double run_ms() const noexcept { return static_cast<double>(ended_ns_ - begun_ns_) * 1e-6; }

 private:
  friend class EnvState;

  EnvState* state_ = nullptr;
  napi_ref kept_[kMostKept] = {};
  napi_ref callback_ = nullptr;
  std::atomic<bool> cancelled_{false};
  int64_t number_ = 0;
  int64_t submitted_ns_ = 0;
  int64_t begun_ns_ = 0;
  int64_t ended_ns_ = 0;
  Job* next_ = nullptr;  // in a list of its thread's jobs: no list needs memory of its own
  Job* previous_ = nullptr;
};

}  // namespace gearshift::kit
