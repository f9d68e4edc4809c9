// The entry points of the CUDA driver API that Gearshift uses, by their exported names, on a simulated machine.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "control.h"
#include "driver/machine.h"

namespace cuda_simulator {
namespace {

using Lock = std::lock_guard<std::recursive_mutex>;

// Anything but null will do for what has no content here.
int the_context;
int the_module;
thread_local CUcontext current_context;

Machine& machine() { return Machine::get(); }

Stream* stream_of(CUstream stream) { return reinterpret_cast<Stream*>(stream); }
Event* event_of(CUevent event) { return reinterpret_cast<Event*>(event); }

/** For calls that need a context. */
CUresult enter_context() {
  const CUresult code = machine().enter();
  if (code != CUDA_SUCCESS) return code;
  return current_context == nullptr ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS;
}

CUresult misuse(CUresult code) {
  ++machine().counters.misuses;
  return code;
}

CUresult push_copy(CUstream stream, std::function<CUresult()> copy) {
  machine().push(stream_of(stream), {std::move(copy)});
  return CUDA_SUCCESS;
}

const simt::Kernel* find_kernel(const char* name) {
  for (const simt::Kernel* kernel = simt::Kernel::first; kernel != nullptr; kernel = kernel->next) {
    if (std::strcmp(kernel->name, name) == 0) return kernel;
  }
  return nullptr;
}

const simt::Kernel* kernel_number(unsigned number) {
  const simt::Kernel* kernel = simt::Kernel::first;
  while (kernel != nullptr && number-- > 0) kernel = kernel->next;
  return kernel;
}

const char* code_name(CUresult code) {
  switch (code) {
    case CUDA_SUCCESS: return "CUDA_SUCCESS";
    case CUDA_ERROR_INVALID_VALUE: return "CUDA_ERROR_INVALID_VALUE";
    case CUDA_ERROR_OUT_OF_MEMORY: return "CUDA_ERROR_OUT_OF_MEMORY";
    case CUDA_ERROR_NOT_INITIALIZED: return "CUDA_ERROR_NOT_INITIALIZED";
    case CUDA_ERROR_DEVICE_UNAVAILABLE: return "CUDA_ERROR_DEVICE_UNAVAILABLE";
    case CUDA_ERROR_NO_DEVICE: return "CUDA_ERROR_NO_DEVICE";
    case CUDA_ERROR_INVALID_CONTEXT: return "CUDA_ERROR_INVALID_CONTEXT";
    case CUDA_ERROR_NO_BINARY_FOR_GPU: return "CUDA_ERROR_NO_BINARY_FOR_GPU";
    case CUDA_ERROR_NOT_FOUND: return "CUDA_ERROR_NOT_FOUND";
    case CUDA_ERROR_NOT_READY: return "CUDA_ERROR_NOT_READY";
    case CUDA_ERROR_ILLEGAL_ADDRESS: return "CUDA_ERROR_ILLEGAL_ADDRESS";
    case CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES: return "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES";
    case CUDA_ERROR_LAUNCH_FAILED: return "CUDA_ERROR_LAUNCH_FAILED";
    case CUDA_ERROR_UNKNOWN: return "CUDA_ERROR_UNKNOWN";
    default: return nullptr;
  }
}

}  // namespace
}  // namespace cuda_simulator

using namespace cuda_simulator;

#define EXPORT extern "C" __attribute__((visibility("default")))

// --- Control --------------------------------------------------------------------------------------------------------

EXPORT bool cuda_simulator_set(const char* name, int64_t value) {
  const Lock lock(machine().mutex);
#define CUDA_SIMULATOR_FIND(field, initial) \
  if (std::strcmp(name, #field) == 0) return machine().settings.field = value, true;
  CUDA_SIMULATOR_SETTINGS(CUDA_SIMULATOR_FIND)
#undef CUDA_SIMULATOR_FIND
  return false;
}

EXPORT int64_t cuda_simulator_get(const char* name) {
  const Lock lock(machine().mutex);
#define CUDA_SIMULATOR_FIND(field, initial) \
  if (std::strcmp(name, #field) == 0) return machine().settings.field;
  CUDA_SIMULATOR_SETTINGS(CUDA_SIMULATOR_FIND)
#undef CUDA_SIMULATOR_FIND
#define CUDA_SIMULATOR_FIND(field) \
  if (std::strcmp(name, #field) == 0) return machine().counters.field;
  CUDA_SIMULATOR_COUNTERS(CUDA_SIMULATOR_FIND)
#undef CUDA_SIMULATOR_FIND
  return -1;
}

EXPORT const char* cuda_simulator_message() { return machine().message.c_str(); }

EXPORT void cuda_simulator_reset() {
  const Lock lock(machine().mutex);
  machine().reset();
}

EXPORT const char* cuda_simulator_kernel_name(unsigned number) {
  const simt::Kernel* kernel = kernel_number(number);
  return kernel == nullptr ? nullptr : kernel->name;
}
EXPORT unsigned cuda_simulator_parameter_count(unsigned number) { return kernel_number(number)->parameter_count; }
EXPORT unsigned cuda_simulator_parameter_bytes(unsigned number, unsigned parameter) {
  return kernel_number(number)->parameter_bytes[parameter];
}

// --- Devices --------------------------------------------------------------------------------------------------------

EXPORT CUresult cuInit(unsigned) {
  const Lock lock(machine().mutex);
  if (machine().settings.init_code != 0) return static_cast<CUresult>(machine().settings.init_code);
  if (machine().settings.devices == 0) return CUDA_ERROR_NO_DEVICE;
  machine().is_initialised = true;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDriverGetVersion(int* version) {
  *version = static_cast<int>(machine().settings.driver_version);
  return CUDA_SUCCESS;
}

EXPORT CUresult cuGetErrorName(CUresult code, const char** name) {
  *name = code_name(code);
  return *name == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetCount(int* count) {
  const Lock lock(machine().mutex);
  // A new machine under an old process: the driver was loaded before, and starts anew.
  if (!machine().is_initialised && machine().settings.init_code == 0) machine().is_initialised = true;
  const CUresult code = machine().enter();
  if (code == CUDA_SUCCESS) *count = static_cast<int>(machine().settings.devices);
  return code;
}

EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  const Lock lock(machine().mutex);
  const CUresult code = machine().enter();
  if (code != CUDA_SUCCESS) return code;
  if (ordinal < 0 || ordinal >= machine().settings.devices) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice) {
  const Lock lock(machine().mutex);
  const CUresult code = machine().enter();
  if (code == CUDA_SUCCESS) std::snprintf(name, static_cast<size_t>(length), "Gearshift CUDA simulator (not a GPU)");
  return code;
}

EXPORT CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice) {
  const Lock lock(machine().mutex);
  const CUresult code = machine().enter();
  if (code != CUDA_SUCCESS) return code;
  const Settings& settings = machine().settings;
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = static_cast<int>(settings.compute_capability / 10); break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = static_cast<int>(settings.compute_capability % 10); break;
    default: return misuse(CUDA_ERROR_INVALID_VALUE);
  }
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) {
  const Lock lock(machine().mutex);
  const CUresult code = machine().enter();
  if (code == CUDA_SUCCESS) *bytes = static_cast<size_t>(machine().settings.memory_bytes);
  return code;
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
  const Lock lock(machine().mutex);
  const CUresult code = machine().enter();
  if (code != CUDA_SUCCESS) return code;
  machine().retain_context();
  *context = reinterpret_cast<CUcontext>(&the_context);
  return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  const Lock lock(machine().mutex);
  const CUresult code = machine().enter();
  if (code != CUDA_SUCCESS) return code;
  if (machine().counters.live_contexts == 0) return misuse(CUDA_ERROR_INVALID_CONTEXT);
  machine().release_context();
  return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
  const Lock lock(machine().mutex);
  const CUresult code = machine().enter();
  if (code == CUDA_SUCCESS) current_context = context;
  return code;
}

EXPORT CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  constexpr uint32_t kFatbinMagic = 0xba55ed50;
  uint32_t magic;
  std::memcpy(&magic, image, sizeof magic);
  if (magic != kFatbinMagic) return misuse(CUDA_ERROR_INVALID_IMAGE);
  if (machine().settings.module_code != 0) return static_cast<CUresult>(machine().settings.module_code);
  ++machine().counters.live_modules;
  *module = reinterpret_cast<CUmodule>(&the_module);
  return CUDA_SUCCESS;
}

EXPORT CUresult cuModuleUnload(CUmodule module) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  if (module != reinterpret_cast<CUmodule>(&the_module)) return misuse(CUDA_ERROR_INVALID_HANDLE);
  --machine().counters.live_modules;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuModuleGetFunction(CUfunction* function, CUmodule, const char* name) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  const simt::Kernel* kernel = find_kernel(name);
  if (kernel == nullptr) return misuse(CUDA_ERROR_NOT_FOUND);
  *function = reinterpret_cast<CUfunction>(const_cast<simt::Kernel*>(kernel));
  return CUDA_SUCCESS;
}

// --- Memory ---------------------------------------------------------------------------------------------------------

EXPORT CUresult cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  *total_bytes = static_cast<size_t>(machine().settings.memory_bytes);
  *free_bytes = static_cast<size_t>(std::max<int64_t>(0, machine().settings.memory_bytes - machine().counters.used_bytes));
  return CUDA_SUCCESS;
}

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  return code != CUDA_SUCCESS ? code : machine().allocate(bytes, address);
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr address) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  return code != CUDA_SUCCESS ? code : machine().free(address);
}

EXPORT CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  return code != CUDA_SUCCESS ? code : machine().allocate_host(bytes, address);
}

EXPORT CUresult cuMemFreeHost(void* address) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  return code != CUDA_SUCCESS ? code : machine().free_host(address);
}

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  // Copying from memory that is not page-locked would be slow, and safe only by luck: the product never means it.
  if (!machine().holds(to, bytes) || !machine().is_page_locked(from, bytes) || !machine().is_stream(stream_of(stream))) {
    return misuse(CUDA_ERROR_INVALID_VALUE);
  }
  return push_copy(stream, [=]() -> CUresult {
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
    machine().counters.uploaded_bytes += static_cast<int64_t>(bytes);
    return CUDA_SUCCESS;
  });
}

EXPORT CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  if (!machine().holds(from, bytes) || !machine().is_page_locked(to, bytes) || !machine().is_stream(stream_of(stream))) {
    return misuse(CUDA_ERROR_INVALID_VALUE);
  }
  return push_copy(stream, [=]() -> CUresult {
    std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
    if (machine().hits(&machine().settings.corrupt_download)) std::memset(to, 0xa5, bytes);
    machine().counters.downloaded_bytes += static_cast<int64_t>(bytes);
    return CUDA_SUCCESS;
  });
}

EXPORT CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  if (!machine().holds(to, bytes) || !machine().is_stream(stream_of(stream))) return misuse(CUDA_ERROR_INVALID_VALUE);
  return push_copy(stream, [=]() -> CUresult {
    std::memset(reinterpret_cast<void*>(to), value, bytes);
    return CUDA_SUCCESS;
  });
}

// --- Streams and events ---------------------------------------------------------------------------------------------

EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code == CUDA_SUCCESS) *stream = reinterpret_cast<CUstream>(machine().create_stream());
  return code;
}

EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  if (!machine().is_stream(stream_of(stream))) return misuse(CUDA_ERROR_INVALID_HANDLE);
  machine().destroy_stream(stream_of(stream));
  return CUDA_SUCCESS;
}

EXPORT CUresult cuEventCreate(CUevent* event, unsigned) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code == CUDA_SUCCESS) *event = reinterpret_cast<CUevent>(machine().create_event());
  return code;
}

EXPORT CUresult cuEventDestroy_v2(CUevent event) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  if (!machine().is_event(event_of(event))) return misuse(CUDA_ERROR_INVALID_HANDLE);
  machine().destroy_event(event_of(event));
  return CUDA_SUCCESS;
}

EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  if (!machine().is_event(event_of(event)) || !machine().is_stream(stream_of(stream))) {
    return misuse(CUDA_ERROR_INVALID_HANDLE);
  }
  Operation operation;
  operation.records = event_of(event);
  operation.recording = ++event_of(event)->recorded;
  machine().push(stream_of(stream), std::move(operation));
  return CUDA_SUCCESS;
}

EXPORT CUresult cuEventQuery(CUevent event) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  if (!machine().is_event(event_of(event))) return misuse(CUDA_ERROR_INVALID_HANDLE);
  const auto has_passed = [=] { return event_of(event)->passed == event_of(event)->recorded; };
  // Looking is what lets time pass here.
  if (!has_passed()) machine().step();
  if (machine().sticky != CUDA_SUCCESS) return machine().sticky;
  return has_passed() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

EXPORT CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  if (!machine().is_event(event_of(start)) || !machine().is_event(event_of(end))) {
    return misuse(CUDA_ERROR_INVALID_HANDLE);
  }
  if (event_of(start)->recorded == 0 || event_of(end)->recorded == 0) return misuse(CUDA_ERROR_INVALID_HANDLE);
  const auto has_passed = [](const Event& event) { return event.passed == event.recorded; };
  if (!has_passed(*event_of(start)) || !has_passed(*event_of(end))) return CUDA_ERROR_NOT_READY;
  *milliseconds = static_cast<float>(event_of(end)->passed_at_ms - event_of(start)->passed_at_ms);
  return CUDA_SUCCESS;
}

// --- Launches -------------------------------------------------------------------------------------------------------

EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                               unsigned block_y, unsigned block_z, unsigned dynamic_shared_bytes, CUstream stream,
                               void** parameters, void** extra) {
  const Lock lock(machine().mutex);
  const CUresult code = enter_context();
  if (code != CUDA_SUCCESS) return code;
  const auto* kernel = reinterpret_cast<const simt::Kernel*>(function);
  constexpr unsigned kMostGrid = 65535;
  constexpr unsigned kMostGridX = 2147483647;
  constexpr size_t kMostSharedBytes = 48 * 1024;
  const uint64_t threads = uint64_t{block_x} * block_y * block_z;
  const bool has_shape = grid_x > 0 && grid_y > 0 && grid_z > 0 && threads > 0 && grid_x <= kMostGridX &&
                         grid_y <= kMostGrid && grid_z <= kMostGrid;
  if (kernel == nullptr || parameters == nullptr || extra != nullptr || !has_shape || !machine().is_stream(stream_of(stream))) {
    return misuse(CUDA_ERROR_INVALID_VALUE);
  }
  // Of its static shared memory the compiler takes care.
  if (threads > kernel->most_threads || dynamic_shared_bytes > kMostSharedBytes) {
    return misuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  }
  ++machine().counters.launches;
  // The driver takes the parameters now; what the caller does with its variables afterwards is its own business.
  auto values = std::make_shared<std::vector<std::vector<char>>>();
  for (unsigned i = 0; i < kernel->parameter_count; ++i) {
    const auto* bytes = static_cast<const char*>(parameters[i]);
    values->emplace_back(bytes, bytes + kernel->parameter_bytes[i]);
  }
  const simt::Dimensions grid{grid_x, grid_y, grid_z};
  const simt::Dimensions block{block_x, block_y, block_z};
  const auto seed = static_cast<uint32_t>(machine().counters.launches) * 747796405u + 2891336453u;
  machine().push(stream_of(stream), {[=]() -> CUresult {
    std::vector<void*> pointers;
    for (std::vector<char>& value : *values) pointers.push_back(value.data());
    const simt::LaunchReport report = simt::run_grid(*kernel, pointers.data(), grid, block, seed);
    if (report.end == simt::LaunchEnd::done) return CUDA_SUCCESS;
    ++machine().counters.undefined;
    machine().message = report.what;
    return report.end == simt::LaunchEnd::illegal_address ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_ERROR_LAUNCH_FAILED;
  }});
  return CUDA_SUCCESS;
}
