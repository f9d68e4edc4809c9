#pragma once

#include <mutex>

#if defined(_WIN32)
#include <condition_variable>
#else
#include <pthread.h>
#endif

namespace gearshift::kit {

/**
 * A condition variable. That of the standard library is no template but code of the C++ library, which addons for Linux do
 * not link (native/old-glibc.cmake).
 */
class Condition {
 public:
  Condition() = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

#if defined(_WIN32)
  void wait(std::unique_lock<std::mutex>& lock) noexcept { condition_.wait(lock); }
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }
#else
  ~Condition() { pthread_cond_destroy(&condition_); }
  void wait(std::unique_lock<std::mutex>& lock) noexcept {
    pthread_cond_wait(&condition_, lock.mutex()->native_handle());
  }
  void notify_one() noexcept { pthread_cond_signal(&condition_); }
  void notify_all() noexcept { pthread_cond_broadcast(&condition_); }
#endif

  template <typename IsReady>
  void wait(std::unique_lock<std::mutex>& lock, IsReady is_ready) noexcept {
    while (!is_ready()) wait(lock);
  }

 private:
#if defined(_WIN32)
  std::condition_variable condition_;
#else
  pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
#endif
};

}  // namespace gearshift::kit
