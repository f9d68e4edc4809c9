#pragma once

#include <cstdint>
#include <mutex>

#include "device/device.h"

namespace gearshift::cuda {

struct MemoryNumbers {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
};

/**
 * Device memory. Asking the driver takes tens of microseconds and may wait for the device, so what was given back is kept
 * for the next one of its size class, up to a limit, and goes back to the driver when an allocation fails.
 *
 * Memory is given back only after the work that used it was waited for: the next owner may be on another stream.
 */
class MemoryPool {
 public:
  explicit MemoryPool(Device& device) noexcept : device_(device) {}

  /** `granted_bytes`: what is to be given back, at least `bytes`. */
  Outcome allocate(size_t bytes, CUdeviceptr* address, size_t* granted_bytes) noexcept;
  void give_back(CUdeviceptr address, size_t granted_bytes) noexcept;
  /** Returns everything that is not in use to the driver. */
  void trim() noexcept;

  /** What may still be allocated, counting what is kept here. Asks the driver only when the last reading is old. */
  Outcome read(MemoryNumbers* numbers) noexcept;
  size_t used_bytes() const noexcept;

 private:
  struct Kept {
    CUdeviceptr address;
    size_t bytes;
  };
  Outcome allocate_new(size_t bytes, CUdeviceptr* address) noexcept;
  void trim_locked() noexcept;

  static constexpr size_t kMostKeptBlocks = 64;

  Device& device_;
  mutable std::mutex mutex_;
  Kept kept_[kMostKeptBlocks];
  size_t kept_count_ = 0;
  size_t kept_bytes_ = 0;
  size_t used_bytes_ = 0;
  MemoryNumbers last_reading_;
  size_t held_at_reading_ = 0;  // used and kept
  int64_t read_at_ns_ = 0;
};

/** Device memory that goes back to its pool. Move-only; empty until allocated. */
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  ~DeviceBuffer() { reset(); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    if (this == &other) return *this;
    reset();
    device_ = other.device_;
    address_ = other.address_;
    bytes_ = other.bytes_;
    other.device_ = nullptr;
    other.address_ = 0;
    other.bytes_ = 0;
    return *this;
  }

  /** Makes sure of at least `bytes`; what was held before is given back, contents and all. */
  Outcome reserve(Device& device, size_t bytes) noexcept {
    if (bytes_ >= bytes && address_ != 0) return {};
    reset();
    const Outcome outcome = device.memory().allocate(bytes, &address_, &bytes_);
    if (outcome.ok()) device_ = &device;
    else address_ = 0, bytes_ = 0;
    return outcome;
  }
  void reset() noexcept {
    if (device_ != nullptr) device_->memory().give_back(address_, bytes_);
    device_ = nullptr;
    address_ = 0;
    bytes_ = 0;
  }

  CUdeviceptr address() const noexcept { return address_; }
  size_t bytes() const noexcept { return bytes_; }

 private:
  Device* device_ = nullptr;
  CUdeviceptr address_ = 0;
  size_t bytes_ = 0;
};

/** Page-locked host memory: what the device reads and writes while the CPU goes on. */
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  ~PinnedBuffer() { reset(); }
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;

  Outcome reserve(Device& device, size_t bytes) noexcept;
  void reset() noexcept;

  template <typename T>
  T* as() noexcept {
    return static_cast<T*>(memory_);
  }
  size_t bytes() const noexcept { return bytes_; }

 private:
  Device* device_ = nullptr;
  void* memory_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace gearshift::cuda
