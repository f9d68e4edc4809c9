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

DriverLookup missing(const Reason& reason, CUresult code = CUDA_SUCCESS) noexcept { return {nullptr, code, reason}; }

/** Explains the codes of cuInit that a person can do something about. */
Reason explain_init_failure(CUresult code) noexcept {
  // The driver says "no device" as well where it may not open the ones there are.
  if (access(kDeviceNode, F_OK) == 0 && access(kDeviceNode, R_OK | W_OK) != 0) {
    return Reason::of("this process has no permission to use the GPU (%s)", kDeviceNode);
  }
  switch (code) {
    case CUDA_ERROR_NO_DEVICE: return Reason::of("the driver found no CUDA device");
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
      return Reason::of("the driver's library and its kernel module have different versions: restart the machine");
    case CUDA_ERROR_SYSTEM_NOT_READY:
      return Reason::of("the system that the GPU is part of is not ready: are its services running?");
    default: return Reason::of("the driver did not start: %s", name_of_code(nullptr, code).c_str());
  }
}

DriverLookup load(Driver& driver) noexcept {
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* cause = dlerror();
    return missing(Reason::of("no NVIDIA driver: %s", cause == nullptr ? kLibrary : cause));
  }
#define GEARSHIFT_FIND(name, symbol, parameters)                                \
  driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(library, symbol)); \
  if (driver.name == nullptr) return missing(Reason::of("the NVIDIA driver is too old: it has no %s", symbol));
  GEARSHIFT_CUDA_ENTRY_POINTS(GEARSHIFT_FIND)
#undef GEARSHIFT_FIND
  if (const CUresult code = driver.cuInit(0); code != CUDA_SUCCESS) return missing(explain_init_failure(code), code);
  if (const CUresult code = driver.cuDriverGetVersion(&driver.version); code != CUDA_SUCCESS) {
    return missing(Reason::of("the driver did not report its version: %s", name_of_code(&driver, code).c_str()), code);
  }
  return {&driver, CUDA_SUCCESS, {}};
}

}  // namespace

DriverLookup find_driver() noexcept {
  // Process-wide by nature, like the driver itself; never unloaded, because its threads may run until the very end.
  static std::mutex mutex;
  static Driver driver;
  static bool is_loaded = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (is_loaded) return {&driver, CUDA_SUCCESS, {}};
  DriverLookup lookup = load(driver);
  is_loaded = lookup.driver != nullptr;
  return lookup;
}

}  // namespace gearshift::cuda
