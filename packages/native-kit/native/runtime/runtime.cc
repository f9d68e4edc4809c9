// What the addons use of the C++ library beyond its headers, over functions of every C library: see native/old-glibc.cmake.
// Nothing here throws: addons are built without exceptions and allocate with std::nothrow (native/refuse-throwing-new.cmake).
#include <pthread.h>

#include <cstdlib>
#include <new>

namespace {

size_t at_least_one(size_t bytes) noexcept { return bytes == 0 ? 1 : bytes; }

/** Of the guards of all variables. It is never held while one is initialized: that may initialize another. */
pthread_mutex_t guard_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t guard_changed = PTHREAD_COND_INITIALIZER;

}  // namespace

namespace std {

const nothrow_t nothrow{};

/** Called by std::unique_lock for a mutex that is not there or that its thread holds already. */
void __throw_system_error(int) { abort(); }

}  // namespace std

void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(at_least_one(bytes)); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(at_least_one(bytes)); }
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  void* memory = nullptr;
  return posix_memalign(&memory, static_cast<size_t>(alignment), at_least_one(bytes)) == 0 ? memory : nullptr;
}
void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t& tag) noexcept {
  return operator new(bytes, alignment, tag);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

extern "C" {

void __cxa_pure_virtual() { abort(); }

// The first byte of a guard says that the variable is initialized, and the others are ours (Itanium C++ ABI, section 3.3.3): the second says
// that a thread is at it.
int __cxa_guard_acquire(char* guard) {
  if (__atomic_load_n(guard, __ATOMIC_ACQUIRE) != 0) return 0;
  pthread_mutex_lock(&guard_mutex);
  while (guard[0] == 0 && guard[1] != 0) pthread_cond_wait(&guard_changed, &guard_mutex);
  const bool is_ours = guard[0] == 0;  // the caller initializes the variable and then calls release
  if (is_ours) guard[1] = 1;
  pthread_mutex_unlock(&guard_mutex);
  return is_ours ? 1 : 0;
}

void __cxa_guard_release(char* guard) {
  pthread_mutex_lock(&guard_mutex);
  __atomic_store_n(guard, char{1}, __ATOMIC_RELEASE);
  pthread_cond_broadcast(&guard_changed);
  pthread_mutex_unlock(&guard_mutex);
}

}  // extern "C"
