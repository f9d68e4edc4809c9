#pragma once

#include <atomic>
#include <memory>

#include "device/memory_pool.h"

namespace gearshift::cuda {

/** Milliseconds of the device, from its own events. */
struct DevicePhases {
  double upload_ms = 0;
  double kernel_ms = 0;
  double download_ms = 0;
};

/**
 * What one request after another runs on: a stream with its events, the request's query and working space, and page-locked
 * memory for what goes to and fro. One request at a time; concurrent requests have a lane each, so none can disturb another.
 */
class Lane {
 public:
  /** Bytes that go to and fro at a time: long enough for full speed, short enough to overlap. */
  static constexpr size_t kPieceBytes = size_t{4} << 20;
  /** Work that is under way at the same time: while the host reads one result, the device makes the next. */
  static constexpr size_t kSlots = 2;

  struct Slot {
    CUevent begun = nullptr;
    CUevent computed = nullptr;
    CUevent copied = nullptr;
    DeviceBuffer output;
    PinnedBuffer landing;
    bool is_under_way = false;
  };

  /** Null: see outcome. */
  static std::unique_ptr<Lane> create(Device& device, Outcome* outcome) noexcept;
  /** The context must be current, and nothing under way. */
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  Device& device() noexcept { return device_; }
  CUstream stream() noexcept { return stream_; }
  Slot& slot(size_t index) noexcept { return slots_[index % kSlots]; }

  PinnedBuffer staging;   // what is uploaded
  // Working space lives here and not with the request, which may fail and be gone while the device still uses it.
  DeviceBuffer operands;    // queries, or activations
  DeviceBuffer narrowed;    // queries in fewer bits
  DeviceBuffer candidates;
  DeviceBuffer scratch;
  DeviceBuffer keys;

  Outcome record(CUevent event) noexcept { return GEARSHIFT_CU(device_, cuEventRecord, event, stream_); }
  Outcome upload(CUdeviceptr to, const void* pinned, size_t bytes) noexcept {
    return GEARSHIFT_CU(device_, cuMemcpyHtoDAsync, to, pinned, bytes, stream_);
  }
  Outcome download(void* pinned, CUdeviceptr from, size_t bytes) noexcept {
    return GEARSHIFT_CU(device_, cuMemcpyDtoHAsync, pinned, from, bytes, stream_);
  }
  Outcome launch(CUfunction kernel, unsigned grid_x, unsigned grid_y, unsigned block_x, void** parameters) noexcept {
    return GEARSHIFT_CU(device_, cuLaunchKernel, kernel, grid_x, grid_y, 1, block_x, 1, 1, 0, stream_, parameters, nullptr);
  }

  /**
   * Waits until the event has passed, spinning at first: a small request takes less than going to sleep. A device that does
   * not get there is given up as hung.
   */
  Outcome wait(CUevent event) noexcept;
  /** Waits for everything on the stream, after a failure: only then may memory be used again. */
  void drain() noexcept;
  /** Whether the event has passed, without waiting. */
  Outcome look(CUevent event, bool* has_passed) noexcept;
  /** Gives device memory back to the pool; nothing may be under way. Page-locked memory stays: making it is slow. */
  void release_memory() noexcept;
  /** Adds what the events of a slot that was waited for say. */
  Outcome measure(const Slot& slot, DevicePhases* phases) noexcept;

 private:
  explicit Lane(Device& device) noexcept : device_(device) {}
  Outcome set_up() noexcept;

  Device& device_;
  CUstream stream_ = nullptr;
  CUevent drained_ = nullptr;
  Slot slots_[kSlots];
};

}  // namespace gearshift::cuda
