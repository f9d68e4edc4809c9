#include "device/workers.h"

#include <utility>

namespace gearshift::cuda {

bool Workers::submit(DeviceTask* task) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t others = busy_.load(std::memory_order_relaxed);
  if (others >= thread_count_ && thread_count_ < kMostThreads && !start_thread() && thread_count_ == 0) return false;
  task->next_ = nullptr;
  *last_link_ = task;
  last_link_ = &task->next_;
  busy_.fetch_add(1, std::memory_order_relaxed);
  work_.notify_one();
  return true;
}

bool Workers::start_thread() noexcept {
  const bool is_started =
      threads_[thread_count_].start([](void* workers) { static_cast<Workers*>(workers)->serve(); }, this);
  if (is_started) ++thread_count_;
  return is_started;
}

bool Workers::withdraw(DeviceTask* task) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  for (DeviceTask** link = &first_; *link != nullptr; link = &(*link)->next_) {
    if (*link != task) continue;
    *link = task->next_;
    if (*link == nullptr) last_link_ = link;
    busy_.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void Workers::serve() noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return first_ != nullptr || stopping_; });
    if (first_ == nullptr) return;
    DeviceTask* task = first_;
    first_ = task->next_;
    if (first_ == nullptr) last_link_ = &first_;
    lock.unlock();
    task->run();  // may delete itself
    busy_.fetch_sub(1, std::memory_order_relaxed);
    lock.lock();
  }
}

void Workers::stop() noexcept {
  size_t count = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    count = std::exchange(thread_count_, 0);
    work_.notify_all();
  }
  for (size_t i = 0; i < count; ++i) threads_[i].join();
}

}  // namespace gearshift::cuda
