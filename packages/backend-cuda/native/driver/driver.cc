#include "driver/driver.h"

#include <dlfcn.h>
#include <unistd.h>

#include <mutex>

#include "driver/driver_error.h"

namespace gearshift::cuda {
namespace {

#ifdef __linux__
constexpr const char* kLibrary = "libcuda.so.1";
#else
#error "The CUDA backend is built for Linux"
#endif
constexpr const char* kDeviceNode = "/dev/nvidiactl";

DriverLookup missing(std::string reason, CUresult code = CUDA_SUCCESS) { return {nullptr, code, std::move(reason)}; }

/** The codes of cuInit that a person can do something about. */
DriverLookup explain_init_failure(CUresult code) {
  // The driver says "no device" as well where it may not open the ones there are.
  if (access(kDeviceNode, F_OK) == 0 && access(kDeviceNode, R_OK | W_OK) != 0) {
    return missing(std::string("this process has no permission to use the GPU (") + kDeviceNode + ")", code);
  }
  switch (code) {
    case CUDA_ERROR_NO_DEVICE: return missing("the driver found no CUDA device", code);
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
      return missing("the driver's library and its kernel module have different versions: restart the machine", code);
    case CUDA_ERROR_SYSTEM_NOT_READY:
      return missing("the system that the GPU is part of is not ready: are its services running?", code);
    default: return missing("the driver did not start: " + name_of_code(nullptr, code), code);
  }
}

DriverLookup load(Driver& driver) {
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* cause = dlerror();
    return missing(std::string("no NVIDIA driver: ") + (cause == nullptr ? kLibrary : cause));
  }
#define GEARSHIFT_FIND(name, symbol, parameters)                                                                          \
  driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(library, symbol));                                          \
  if (driver.name == nullptr) return missing("the NVIDIA driver is too old: it has no " symbol);
  GEARSHIFT_CUDA_ENTRY_POINTS(GEARSHIFT_FIND)
#undef GEARSHIFT_FIND
  if (const CUresult code = driver.cuInit(0); code != CUDA_SUCCESS) return explain_init_failure(code);
  if (const CUresult code = driver.cuDriverGetVersion(&driver.version); code != CUDA_SUCCESS) {
    return missing("the driver did not tell its version: " + name_of_code(&driver, code), code);
  }
  return {&driver, CUDA_SUCCESS, ""};
}

}  // namespace

DriverLookup find_driver() {
  // Process-wide by nature, like the driver itself; never unloaded, because its threads may run until the very end.
  static std::mutex mutex;
  static Driver driver;
  static bool is_loaded = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (is_loaded) return {&driver, CUDA_SUCCESS, ""};
  DriverLookup lookup = load(driver);
  is_loaded = lookup.driver != nullptr;
  return lookup;
}

}  // namespace gearshift::cuda
