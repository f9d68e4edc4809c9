#pragma once

#include <atomic>

// ThreadSanitizer does not know fences, and GCC warns where it meets one.
#if defined(__SANITIZE_THREAD__)
#define GEARSHIFT_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GEARSHIFT_THREAD_SANITIZER
#endif
#endif

#if defined(GEARSHIFT_THREAD_SANITIZER)
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#endif

namespace gearshift::kit {

/**
 * Around plain accesses to rows that another thread may access at the same time: kernels read rows while a writer replaces
 * them. That is sound because nothing read like this is used before StoredVersion has confirmed that the rows were not
 * changed meanwhile; what was read from a row that was changed is thrown away, whatever it is. Elements are plain numbers:
 * no value of theirs, torn or not, leads to an address or a branch with an effect.
 */
class RacingAccess {
 public:
#if defined(GEARSHIFT_THREAD_SANITIZER)
  RacingAccess() noexcept {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~RacingAccess() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  RacingAccess() noexcept {}
#endif
  RacingAccess(const RacingAccess&) = delete;
  RacingAccess& operator=(const RacingAccess&) = delete;
};

/** Orders the plain accesses around it as well. */
inline void fence(std::memory_order order) noexcept {
#if defined(GEARSHIFT_THREAD_SANITIZER)
  std::atomic_signal_fence(order);  // it runs on x86 alone, where the order of the processor suffices
#else
  std::atomic_thread_fence(order);
#endif
}

}  // namespace gearshift::kit
