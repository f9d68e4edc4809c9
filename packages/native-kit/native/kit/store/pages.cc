#include "kit/store/pages.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace gearshift::kit {

void clear_pages(void* data, size_t bytes) noexcept {
  const auto start = reinterpret_cast<uintptr_t>(data);
  const size_t page = page_bytes();
  const size_t before = std::min(bytes, (page - start % page) % page);
  auto* const first = static_cast<unsigned char*>(data) + before;
  const size_t dropped = drop_whole_pages(first, bytes - before);
  std::memset(data, 0, before);
  std::memset(first + dropped, 0, bytes - before - dropped);
}

#if defined(_WIN32)

size_t page_bytes() noexcept { return 4096; }
void advise_huge_pages(void*, size_t) noexcept {}
void read_ahead(const void*, size_t) noexcept {}
size_t drop_whole_pages(void*, size_t) noexcept { return 0; }
int replace_pages(void* data, size_t bytes) noexcept {
  std::memset(data, 0, bytes);
  return 0;
}
int map_file(void*, size_t, int, int64_t) noexcept { return ENOSYS; }

#else

namespace {

/** Maps over pages that are there already. The memory ends on a page, too: V8 reserves whole ones. */
int map_over(void* data, size_t bytes, int flags, int file_descriptor, int64_t offset) noexcept {
  if (bytes == 0) return 0;
  const size_t page = page_bytes();
  if (reinterpret_cast<uintptr_t>(data) % page != 0) return EINVAL;
  const size_t whole = (bytes + page - 1) / page * page;
  void* const mapped = mmap(data, whole, PROT_READ | PROT_WRITE, flags | MAP_PRIVATE | MAP_FIXED, file_descriptor,
                            static_cast<off_t>(offset));
  return mapped == MAP_FAILED ? errno : 0;
}

}  // namespace

size_t page_bytes() noexcept {
  const long size = sysconf(_SC_PAGESIZE);
  return size > 0 ? static_cast<size_t>(size) : 4096;
}

void advise_huge_pages(void* data, size_t bytes) noexcept {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const size_t page = page_bytes();
  const uintptr_t start = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + bytes) / page * page;
  const int error = errno;
  if (start < end) (void)madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);
  errno = error;
#else
  (void)data;
  (void)bytes;
#endif
}

void read_ahead(const void* data, size_t bytes) noexcept {
  const size_t page = page_bytes();
  const auto first = reinterpret_cast<uintptr_t>(data);
  const uintptr_t start = first / page * page;
  const int error = errno;
  (void)madvise(reinterpret_cast<void*>(start), first + bytes - start, MADV_WILLNEED);
  errno = error;
}

size_t drop_whole_pages(void* data, size_t bytes) noexcept {
#if defined(__linux__)
  const size_t page = page_bytes();
  // From the first byte on, or nothing is known to be zero.
  if (reinterpret_cast<uintptr_t>(data) % page != 0) return 0;
  const size_t whole = bytes / page * page;
  return whole > 0 && madvise(data, whole, MADV_DONTNEED) == 0 ? whole : 0;
#else
  (void)data;
  (void)bytes;
  return 0;
#endif
}

int replace_pages(void* data, size_t bytes) noexcept { return map_over(data, bytes, MAP_ANONYMOUS, -1, 0); }

int map_file(void* data, size_t bytes, int file_descriptor, int64_t offset) noexcept {
  return map_over(data, bytes, 0, file_descriptor, offset);
}

#endif

}  // namespace gearshift::kit
