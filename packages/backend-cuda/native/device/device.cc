#include "device/device.h"

#include <new>

#include "device/lane_store.h"
#include "device/memory_pool.h"
#include "device/workers.h"

namespace gearshift::cuda {
namespace {

constexpr int kMostDevices = 64;
// Machine code is understood by drivers of its own major version on ("CUDA compatibility", minor version compatibility).
constexpr int kLeastDriverVersion = GEARSHIFT_TOOLKIT_MAJOR * 1000;

// Process-wide by nature: threads share one context and one set of copies. Plain pointers, so that no static destructor
// frees what threads still use when the process exits.
std::mutex devices_mutex;
Device* devices[kMostDevices] = {};
std::atomic<uint64_t> failed_clean_up_count{0};

Reason explain(const Driver& driver, const char* what, CUresult code) noexcept {
  return Reason::of("%s: %s", what, name_of_code(&driver, code).c_str());
}

const char* const kNoHostMemory = "the host does not have enough memory";

}  // namespace

Device::Opened Device::open(const Driver& driver, int ordinal, double hang_ms) noexcept {
  if (ordinal < 0 || ordinal >= kMostDevices) {
    return {nullptr, {Failure::fault}, Reason::of("device: there is none with this number")};
  }
  std::lock_guard<std::mutex> lock(devices_mutex);
  if (Device* device = devices[ordinal]; device != nullptr) {
    if (device->is_lost()) {
      return {nullptr, device->lost_outcome(),
              Reason::of("the device was lost before in this process, and its context cannot be made again: restart the process")};
    }
    ++device->references_;
    return {DeviceRef::adopt(device), {}, {}};
  }
  std::unique_ptr<Device> device(new (std::nothrow) Device(driver, ordinal, static_cast<int64_t>(hang_ms * 1e6)));
  if (device == nullptr) return {nullptr, {Failure::no_host_memory}, Reason::of("%s", kNoHostMemory)};
  Reason reason;
  const Outcome outcome = device->set_up(&reason);
  if (!outcome.ok()) return {nullptr, outcome, reason};
  devices[ordinal] = device.get();
  return {DeviceRef::adopt(device.release()), {}, {}};
}

void Device::retain(Device* device) noexcept {
  std::lock_guard<std::mutex> lock(devices_mutex);
  ++device->references_;
}

void Device::release(Device* device) noexcept {
  std::lock_guard<std::mutex> lock(devices_mutex);
  if (--device->references_ > 0) return;
  // A lost device stays on record: there is no second context to be had.
  if (device->is_lost()) return;
  devices[device->ordinal_] = nullptr;
  delete device;
}

Device::Device(const Driver& driver, int ordinal, int64_t hang_ns) noexcept
    : driver_(driver), ordinal_(ordinal), hang_ns_(hang_ns) {}

void Device::forget_lost() noexcept {
  std::lock_guard<std::mutex> lock(devices_mutex);
  for (Device*& device : devices) {
    if (device == nullptr || !device->is_lost()) continue;
    delete device;
    device = nullptr;
  }
}

Outcome Device::set_up(Reason* reason) noexcept {
  int count = 0;
  const auto failed = [&](const Outcome& outcome, const char* what) {
    *reason = explain(driver_, what, outcome.code);
    return outcome;
  };
  if (driver_.version < kLeastDriverVersion) {
    *reason = Reason::of("the NVIDIA driver supports CUDA %d.%d, this build needs %d.%d or newer: update the driver",
                         driver_.version / 1000, driver_.version % 1000 / 10, kLeastDriverVersion / 1000,
                         kLeastDriverVersion % 1000 / 10);
    return {Failure::fault};
  }
  if (auto outcome = GEARSHIFT_CU(*this, cuDeviceGetCount, &count); !outcome.ok()) return failed(outcome, "no devices");
  if (ordinal_ >= count) {
    *reason = Reason::of("there is no device %d: the driver knows %d", ordinal_, count);
    return {Failure::fault};
  }
  if (auto outcome = GEARSHIFT_CU(*this, cuDeviceGet, &handle_, ordinal_); !outcome.ok()) return failed(outcome, "no device");
  char name[256] = "";
  Outcome outcome = GEARSHIFT_CU(*this, cuDeviceGetName, name, static_cast<int>(sizeof name), handle_);
  const auto ask = [&](int attribute, int* value) {
    if (outcome.ok()) outcome = GEARSHIFT_CU(*this, cuDeviceGetAttribute, value, attribute, handle_);
  };
  ask(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &facts_.compute_major);
  ask(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &facts_.compute_minor);
  if (outcome.ok()) outcome = GEARSHIFT_CU(*this, cuDeviceTotalMem, &facts_.total_bytes, handle_);
  if (!outcome.ok()) return failed(outcome, "the device does not describe itself");
  facts_.name = kit::Text<256>::of("%s", name);

  outcome = GEARSHIFT_CU(*this, cuDevicePrimaryCtxRetain, &context_, handle_);
  if (!outcome.ok()) {
    context_ = nullptr;
    return failed(outcome, "the device gives no context");
  }
  outcome = make_current();
  if (!outcome.ok()) return failed(outcome, "the context cannot be used");
  outcome = GEARSHIFT_CU(*this, cuModuleLoadData, &module_, kernel_image());
  if (!outcome.ok()) {
    module_ = nullptr;
    return failed(outcome, outcome.code == CUDA_ERROR_NO_BINARY_FOR_GPU || outcome.code == CUDA_ERROR_UNSUPPORTED_PTX_VERSION
                               ? "the driver is too old for the kernels of this build, or the GPU is"
                               : "the kernels were not loaded");
  }
#define GEARSHIFT_FIND(name)                                                                       \
  outcome = GEARSHIFT_CU(*this, cuModuleGetFunction, &kernels_.name, module_, #name);              \
  if (!outcome.ok()) return failed(outcome, "the kernel " #name " is not there");
  GEARSHIFT_CUDA_KERNELS(GEARSHIFT_FIND)
#undef GEARSHIFT_FIND
  memory_.reset(new (std::nothrow) MemoryPool(*this));
  lanes_.reset(new (std::nothrow) LaneStore(*this));
  workers_.reset(new (std::nothrow) Workers());
  if (memory_ != nullptr && lanes_ != nullptr && workers_ != nullptr) return {};
  *reason = Reason::of("%s", kNoHostMemory);
  return {Failure::no_host_memory};
}

Device::~Device() {
  if (workers_ != nullptr) workers_->stop();
  tear_down();
}

void Device::tear_down() noexcept {
  if (context_ == nullptr) return;
  if (!make_current_to_clean_up()) return;
  if (lanes_ != nullptr) lanes_->clear();
  if (memory_ != nullptr) memory_->trim();
  if (module_ != nullptr) note_clean_up(driver_.cuModuleUnload(module_), "cuModuleUnload");
  note_clean_up(driver_.cuCtxSetCurrent(nullptr), "cuCtxSetCurrent");
  note_clean_up(driver_.cuDevicePrimaryCtxRelease(handle_), "cuDevicePrimaryCtxRelease");
}

Outcome Device::make_current() noexcept {
  if (is_lost()) return lost_outcome();
  return GEARSHIFT_CU(*this, cuCtxSetCurrent, context_);
}

bool Device::make_current_to_clean_up() noexcept {
  if (is_lost()) return false;
  note_clean_up(driver_.cuCtxSetCurrent(context_), "cuCtxSetCurrent");
  return !is_lost();
}

Outcome Device::note(CUresult code, const char* call) noexcept {
  if (code == CUDA_SUCCESS) return {};
  if (is_fatal(code)) lose(code, call);
  return {classify(code), code, call};
}

void Device::note_clean_up(CUresult code, const char* call) noexcept {
  if (code == CUDA_SUCCESS) return;
  failed_clean_up_count.fetch_add(1, std::memory_order_relaxed);
  lose(code, call);
}

uint64_t Device::failed_clean_ups() noexcept { return failed_clean_up_count.load(std::memory_order_relaxed); }

Outcome Device::note_hang() noexcept {
  lose(-1, "cuEventQuery");
  return {Failure::timeout, CUDA_ERROR_NOT_READY, "cuEventQuery"};
}

void Device::lose(CUresult code, const char* call) noexcept {
  int alive = 0;
  const char* none = nullptr;
  lost_by_.compare_exchange_strong(none, call, std::memory_order_relaxed);
  lost_.compare_exchange_strong(alive, code == 0 ? -1 : code, std::memory_order_release);
}

Outcome Device::lost_outcome() const noexcept {
  return {Failure::device_lost, lost_.load(std::memory_order_acquire), lost_by_.load(std::memory_order_relaxed)};
}

}  // namespace gearshift::cuda
