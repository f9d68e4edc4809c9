#include "core/aligned_memory.h"

#include <cstdlib>
#include <utility>

#if defined(_WIN32)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gearshift {
namespace {

constexpr size_t kHugePageBytes = 2u << 20;
/** From here on a block holds at least one whole huge page wherever it begins. */
constexpr size_t kHugePagesFrom = 2 * kHugePageBytes;

void* allocate_aligned(size_t bytes, size_t alignment) noexcept {
#if defined(_WIN32)
  return _aligned_malloc(bytes, alignment);
#else
  void* data = nullptr;
  return posix_memalign(&data, alignment, bytes) == 0 ? data : nullptr;
#endif
}

void free_aligned(void* data) noexcept {
#if defined(_WIN32)
  _aligned_free(data);
#else
  std::free(data);
#endif
}

}  // namespace

AlignedMemory::AlignedMemory(AlignedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

AlignedMemory& AlignedMemory::operator=(AlignedMemory&& other) noexcept {
  if (this != &other) {
    reset();
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

bool AlignedMemory::allocate(size_t bytes) noexcept {
  reset();
  if (bytes == 0) return true;
  const bool large = bytes >= kHugePagesFrom;
  data_ = allocate_aligned(bytes, large ? kHugePageBytes : kAlignment);
  if (data_ == nullptr) return false;
  bytes_ = bytes;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // Advice only: where it is refused, everything works as before.
  if (large) (void)madvise(data_, bytes / kHugePageBytes * kHugePageBytes, MADV_HUGEPAGE);
#endif
  return true;
}

void AlignedMemory::reset() noexcept {
  free_aligned(data_);
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace gearshift
