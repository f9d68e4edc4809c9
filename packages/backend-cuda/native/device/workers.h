#pragma once

#include <atomic>
#include <mutex>

#include "kit/condition.h"
#include "kit/native_thread.h"

namespace gearshift::cuda {

/** Something to be run on a thread that may wait for the device. */
class DeviceTask {
 public:
  virtual ~DeviceTask() = default;
  virtual void run() noexcept = 0;

 private:
  friend class Workers;
  DeviceTask* next_ = nullptr;
};

/** The threads that wait for a device: waiting is all they do, so a few keep it busy. Started when there is something to do. */
class Workers {
 public:
  static constexpr size_t kMostThreads = 4;

  Workers() = default;
  ~Workers() { stop(); }

  /** False when the system gives no thread to run it on; the task is still the caller's then. */
  bool submit(DeviceTask* task) noexcept;
  /** Takes a task back that has not begun. */
  bool withdraw(DeviceTask* task) noexcept;
  /** Waits for what is under way, and ends the threads. */
  void stop() noexcept;
  /** Whether nothing is under way or waiting: then a small request need not queue behind anything. */
  bool is_idle() const noexcept { return busy_.load(std::memory_order_relaxed) == 0; }

 private:
  void serve() noexcept;
  bool start_thread() noexcept;

  std::mutex mutex_;
  kit::Condition work_;
  DeviceTask* first_ = nullptr;
  DeviceTask** last_link_ = &first_;
  kit::NativeThread threads_[kMostThreads];
  size_t thread_count_ = 0;
  bool stopping_ = false;
  std::atomic<size_t> busy_{0};  // queued or running
};

}  // namespace gearshift::cuda
