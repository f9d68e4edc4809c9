#pragma once

#if defined(_WIN32)
#include <process.h>
#include <windows.h>
#else
#include <pthread.h>
#endif

namespace gearshift::kit {

/**
 * A joinable thread that reports if it cannot start, such as at the process limit of a container. std::thread throws an
 * exception in that case, and addons are built without exceptions.
 */
class NativeThread {
 public:
  using Body = void (*)(void* context);

  NativeThread() = default;
  NativeThread(const NativeThread&) = delete;
  NativeThread& operator=(const NativeThread&) = delete;

  /** False when the system refuses a thread. */
  bool start(Body body, void* context) noexcept {
    body_ = body;
    context_ = context;
#if defined(_WIN32)
    handle_ = reinterpret_cast<HANDLE>(_beginthreadex(nullptr, 0, &enter, this, 0, nullptr));
    return handle_ != nullptr;
#else
    return pthread_create(&thread_, nullptr, &enter, this) == 0;
#endif
  }

  /** Only after a successful start, once. */
  void join() noexcept {
#if defined(_WIN32)
    WaitForSingleObject(handle_, INFINITE);
    CloseHandle(handle_);
#else
    pthread_join(thread_, nullptr);
#endif
  }

 private:
#if defined(_WIN32)
  static unsigned __stdcall enter(void* self) {
    static_cast<NativeThread*>(self)->body_(static_cast<NativeThread*>(self)->context_);
    return 0;
  }
  HANDLE handle_ = nullptr;
#else
  static void* enter(void* self) {
    static_cast<NativeThread*>(self)->body_(static_cast<NativeThread*>(self)->context_);
    return nullptr;
  }
  pthread_t thread_{};
#endif
  Body body_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace gearshift::kit
