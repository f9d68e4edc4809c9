#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "device/kernels.h"
#include "device/pace.h"
#include "driver/driver.h"
#include "driver/driver_error.h"
#include "kit/ref.h"

namespace gearshift::cuda {

class MemoryPool;
class LaneStore;
class Workers;

/** Calls a driver entry point and has the device judge the result: GEARSHIFT_CU(device, cuMemFree, address). */
#define GEARSHIFT_CU(device, entry, ...) (device).note((device).driver().entry(__VA_ARGS__), #entry)

struct DeviceFacts {
  kit::Text<256> name;
  int compute_major = 0;
  int compute_minor = 0;
  size_t total_bytes = 0;
};

/**
 * One GPU, for the whole process: its primary context, our kernels and memory. It counts its references; when the last one
 * is released, everything is given back. Every method may be called from any thread.
 *
 * A fatal error of the driver makes the device lost for the life of the process: its context cannot be made anew here. From
 * then on nothing is asked of the driver any more.
 */
class Device {
 public:
  struct Opened {
    kit::Ref<Device> device;  // null: see outcome and reason
    Outcome outcome;
    Reason reason;
  };
  /** Opens the device with this number, or takes one more reference to it. `hang_ms`: see hang_ns(). */
  static Opened open(const Driver& driver, int ordinal, double hang_ms) noexcept;
  static void retain(Device* device) noexcept;
  /** On threads of JavaScript only: the last one waits for the workers. */
  static void release(Device* device) noexcept;
  /** For tests that simulate several processes: forgets devices that were lost, to which no reference may be left. */
  static void forget_lost() noexcept;

  const Driver& driver() const noexcept { return driver_; }
  int ordinal() const noexcept { return ordinal_; }
  const DeviceFacts& facts() const noexcept { return facts_; }
  /** Ampere and later multiply float16 and tf32 on tensor cores in the way of kernels/warp_mma.cuh. */
  bool has_tensor_cores() const noexcept { return facts_.compute_major >= 8; }
  const Kernels& kernels() const noexcept { return kernels_; }
  MemoryPool& memory() noexcept { return *memory_; }
  LaneStore& lanes() noexcept { return *lanes_; }
  Workers& workers() noexcept { return *workers_; }
  Pace& scan_pace() noexcept { return scan_pace_; }
  Pace& bound_pace() noexcept { return bound_pace_; }
  Pace& spread_pace() noexcept { return spread_pace_; }

  /** How long one piece of work, of some milliseconds by design, may take before the device counts as hung. */
  int64_t hang_ns() const noexcept { return hang_ns_; }

  /** Makes the context the current one of the calling thread: it is a property of the thread, so every entry begins so. */
  Outcome make_current() noexcept;

  /** The same before something is given back: where it fails, that counts as a clean-up that failed. */
  bool make_current_to_clean_up() noexcept;

  /** Judges the result of a driver call; a fatal one makes the device lost. */
  Outcome note(CUresult code, const char* call) noexcept;
  /** The same for a call that gives something back: when that fails, what the device still holds is not known any more. */
  void note_clean_up(CUresult code, const char* call) noexcept;
  /** No completion where there had to be one: memory may still be written to, so nothing can be given back. */
  Outcome note_hang() noexcept;

  bool is_lost() const noexcept { return lost_.load(std::memory_order_acquire) != 0; }
  /** The outcome of everything that is asked of a lost device. */
  Outcome lost_outcome() const noexcept;
  /** Clean-up calls that failed, in this process. */
  static uint64_t failed_clean_ups() noexcept;

  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

 private:
  Device(const Driver& driver, int ordinal, int64_t hang_ns) noexcept;
  Outcome set_up(Reason* reason) noexcept;
  void tear_down() noexcept;
  void lose(CUresult code, const char* call) noexcept;

  const Driver& driver_;
  const int ordinal_;
  const int64_t hang_ns_;
  unsigned references_ = 1;  // guarded by the mutex of the process's devices
  CUdevice handle_ = 0;
  CUcontext context_ = nullptr;
  CUmodule module_ = nullptr;
  DeviceFacts facts_;
  Kernels kernels_;
  std::unique_ptr<MemoryPool> memory_;
  std::unique_ptr<LaneStore> lanes_;
  std::unique_ptr<Workers> workers_;
  Pace scan_pace_;
  Pace bound_pace_;
  Pace spread_pace_;
  std::atomic<int> lost_{0};  // the code, or -1 after a hang or a failed clean-up
  std::atomic<const char*> lost_by_{nullptr};
};

using DeviceRef = kit::Ref<Device>;

/** The machine code of the kernels, for every architecture of this build. */
const void* kernel_image() noexcept;

}  // namespace gearshift::cuda
