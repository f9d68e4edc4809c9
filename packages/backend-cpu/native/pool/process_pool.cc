#include "pool/process_pool.h"

#include <mutex>
#include <new>

#include "pool/thread_pool.h"
#include "pool/usable_cpus.h"

namespace gearshift {
namespace {

// Process-wide by nature: CPUs are. Reached through a plain pointer, so that no static destructor runs while threads still
// work when the process exits without unloading the addon.
std::mutex pool_mutex;
ThreadPool* pool = nullptr;
unsigned holders = 0;

}  // namespace

ThreadPool* acquire_process_pool() noexcept {
  std::lock_guard<std::mutex> lock(pool_mutex);
  if (pool == nullptr) pool = new (std::nothrow) ThreadPool(read_usable_cpus());
  if (pool != nullptr) ++holders;
  return pool;
}

void release_process_pool() noexcept {
  ThreadPool* last = nullptr;
  {
    std::lock_guard<std::mutex> lock(pool_mutex);
    if (--holders == 0) {
      last = pool;
      pool = nullptr;
    }
  }
  delete last;
}

}  // namespace gearshift
