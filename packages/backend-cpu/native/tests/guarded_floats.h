#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace gearshift::tests {

/**
 * Memory with an unreadable page right before and right after it: a kernel that reads one byte too far dies at once, also
 * where the sanitizers do not look (masked loads).
 */
class GuardedFloats {
 public:
  explicit GuardedFloats(size_t capacity) {
#if defined(_WIN32)
    heap_.resize(capacity);
    first_ = heap_.data();
    capacity_ = capacity;
#else
    page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = (capacity * sizeof(float) + page_ - 1) / page_ * page_;
    mapped_ = bytes + 2 * page_;
    void* const area = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) return;
    base_ = static_cast<char*>(area);
    mprotect(base_, page_, PROT_NONE);
    mprotect(base_ + page_ + bytes, page_, PROT_NONE);
    first_ = reinterpret_cast<float*>(base_ + page_);
    capacity_ = bytes / sizeof(float);
#endif
  }
  ~GuardedFloats() {
#if !defined(_WIN32)
    if (base_ != nullptr) munmap(base_, mapped_);
#endif
  }
  GuardedFloats(const GuardedFloats&) = delete;
  GuardedFloats& operator=(const GuardedFloats&) = delete;

  bool is_usable() const { return first_ != nullptr; }
  /** Begins right behind the first unreadable page. */
  float* at_start() { return first_; }
  /** `count` floats that end `gap` floats before the last unreadable page. */
  float* at_end(size_t count, size_t gap = 0) { return first_ + capacity_ - gap - count; }
  /** The same for bytes, which elements of other types consist of. */
  uint8_t* bytes_at_end(size_t count, size_t gap = 0) { return reinterpret_cast<uint8_t*>(first_ + capacity_) - gap - count; }

 private:
  float* first_ = nullptr;
  size_t capacity_ = 0;
#if defined(_WIN32)
  std::vector<float> heap_;
#else
  char* base_ = nullptr;
  size_t mapped_ = 0;
  size_t page_ = 0;
#endif
};

}  // namespace gearshift::tests
