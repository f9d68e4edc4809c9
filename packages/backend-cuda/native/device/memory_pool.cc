#include "device/memory_pool.h"

#include <algorithm>

#include "kit/clock.h"

namespace gearshift::cuda {
namespace {

constexpr size_t kSmallestBytes = 4096;
/** Larger blocks go straight back to the driver: operands, which come and go rarely. */
constexpr size_t kMostKeptBlockBytes = size_t{32} << 20;
constexpr size_t kMostKeptBytes = size_t{128} << 20;
constexpr int64_t kReadingNs = 10'000'000;

/** Powers of two, so that what one request gives back fits the next; large blocks as they are. */
size_t size_class(size_t bytes) noexcept {
  if (bytes > kMostKeptBlockBytes) return bytes;
  size_t rounded = kSmallestBytes;
  while (rounded < bytes) rounded *= 2;
  return rounded;
}

}  // namespace

Outcome MemoryPool::allocate(size_t bytes, CUdeviceptr* address, size_t* granted_bytes) noexcept {
  size_t wanted = size_class(bytes);
  std::lock_guard<std::mutex> lock(mutex_);
  const auto same_size = [wanted](const Kept& kept) { return kept.bytes == wanted; };
  Kept* const kept_end = kept_ + kept_count_;
  if (Kept* const found = std::find_if(kept_, kept_end, same_size); found != kept_end) {
    *address = found->address;
    *found = kept_[--kept_count_];
    kept_bytes_ -= wanted;
    used_bytes_ += wanted;
    *granted_bytes = wanted;
    return {};
  }
  Outcome outcome = allocate_new(wanted, address);
  if (outcome.failure == Failure::out_of_memory) {
    trim_locked();
    // Exactly what is asked for, where the rounding was what did not fit.
    outcome = allocate_new(wanted = bytes, address);
  }
  if (!outcome.ok()) {
    outcome.requested_bytes = bytes;
    read_at_ns_ = 0;
    return outcome;
  }
  used_bytes_ += wanted;
  *granted_bytes = wanted;
  return {};
}

Outcome MemoryPool::allocate_new(size_t bytes, CUdeviceptr* address) noexcept {
  if (device_.is_lost()) return device_.lost_outcome();
  return GEARSHIFT_CU(device_, cuMemAlloc, address, bytes);
}

void MemoryPool::give_back(CUdeviceptr address, size_t granted_bytes) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  used_bytes_ -= granted_bytes;
  if (device_.is_lost()) return;  // it went with the context
  const bool is_class = granted_bytes <= kMostKeptBlockBytes && size_class(granted_bytes) == granted_bytes;
  if (is_class && kept_bytes_ + granted_bytes <= kMostKeptBytes && kept_count_ < kMostKeptBlocks) {
    kept_[kept_count_++] = {address, granted_bytes};
    kept_bytes_ += granted_bytes;
    return;
  }
  if (!device_.make_current_to_clean_up()) return;
  device_.note_clean_up(device_.driver().cuMemFree(address), "cuMemFree");
}

void MemoryPool::trim() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  trim_locked();
}

void MemoryPool::trim_locked() noexcept {
  for (size_t i = 0; i < kept_count_ && !device_.is_lost(); ++i) {
    device_.note_clean_up(device_.driver().cuMemFree(kept_[i].address), "cuMemFree");
  }
  kept_count_ = 0;
  kept_bytes_ = 0;
}

Outcome MemoryPool::read(MemoryNumbers* numbers) noexcept {
  if (auto outcome = device_.make_current(); !outcome.ok()) return outcome;
  std::lock_guard<std::mutex> lock(mutex_);
  const int64_t now = kit::now_ns();
  const size_t held = used_bytes_ + kept_bytes_;
  if (read_at_ns_ == 0 || now - read_at_ns_ > kReadingNs) {
    if (auto outcome = GEARSHIFT_CU(device_, cuMemGetInfo, &last_reading_.free_bytes, &last_reading_.total_bytes);
        !outcome.ok()) {
      return outcome;
    }
    held_at_reading_ = held;
    read_at_ns_ = now;
  }
  const size_t taken_since = held > held_at_reading_ ? held - held_at_reading_ : 0;
  const size_t given_since = held < held_at_reading_ ? held_at_reading_ - held : 0;
  const size_t free_now = last_reading_.free_bytes + given_since;
  numbers->free_bytes = (free_now > taken_since ? free_now - taken_since : 0) + kept_bytes_;
  numbers->total_bytes = last_reading_.total_bytes;
  return {};
}

size_t MemoryPool::used_bytes() const noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  return used_bytes_;
}

Outcome PinnedBuffer::reserve(Device& device, size_t bytes) noexcept {
  if (bytes_ >= bytes && memory_ != nullptr) return {};
  reset();
  const size_t rounded = size_class(bytes);
  Outcome outcome = GEARSHIFT_CU(device, cuMemHostAlloc, &memory_, rounded, CU_MEMHOSTALLOC_PORTABLE);
  if (!outcome.ok()) {
    memory_ = nullptr;
    // The driver has one code for both memories; a smaller batch does not help against this one.
    if (outcome.failure == Failure::out_of_memory) outcome.failure = Failure::no_host_memory;
    return outcome;
  }
  device_ = &device;
  bytes_ = rounded;
  return {};
}

void PinnedBuffer::reset() noexcept {
  // What a lost device may still write is not known: the memory is left to the end of the process.
  if (memory_ != nullptr && !device_->is_lost()) {
    device_->note_clean_up(device_->driver().cuMemFreeHost(memory_), "cuMemFreeHost");
  }
  device_ = nullptr;
  memory_ = nullptr;
  bytes_ = 0;
}

}  // namespace gearshift::cuda
