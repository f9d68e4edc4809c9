#include "device/workers.h"

#include <pthread.h>

namespace gearshift::cuda {

bool Workers::submit(DeviceTask* task) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t others = busy_.load(std::memory_order_relaxed);
  if (others >= threads_.size() && threads_.size() < kMostThreads && !start_thread() && threads_.empty()) return false;
  task->next_ = nullptr;
  *last_link_ = task;
  last_link_ = &task->next_;
  busy_.fetch_add(1, std::memory_order_relaxed);
  work_.notify_one();
  return true;
}

bool Workers::start_thread() noexcept {
  // std::thread reports a refusal by an exception, and there are none here: so the system is asked first.
  pthread_t probe;
  if (pthread_create(&probe, nullptr, [](void*) -> void* { return nullptr; }, nullptr) != 0) return false;
  pthread_join(probe, nullptr);
  threads_.emplace_back([this] { serve(); });
  return true;
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
  std::vector<std::thread> threads;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
    work_.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace gearshift::cuda
