#include "driver.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace fault_layer {
namespace {

template <typename Pointer>
void find(void* library, const char* name, Pointer* pointer) {
  *pointer = reinterpret_cast<Pointer>(dlsym(library, name));
}

Driver* load() {
  static Driver loaded{};
  const char* path = std::getenv("GEARSHIFT_VULKAN_DRIVER");
  void* library = path == nullptr ? nullptr : dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::fprintf(stderr, "fault layer: GEARSHIFT_VULKAN_DRIVER: %s\n", path == nullptr ? "not set" : dlerror());
    return nullptr;
  }
  find(library, "vk_icdGetInstanceProcAddr", &loaded.vk_icdGetInstanceProcAddr);
  find(library, "vk_icdGetPhysicalDeviceProcAddr", &loaded.vk_icdGetPhysicalDeviceProcAddr);
  find(library, "vk_icdNegotiateLoaderICDInterfaceVersion", &loaded.vk_icdNegotiateLoaderICDInterfaceVersion);
  if (loaded.vk_icdGetInstanceProcAddr != nullptr && loaded.vk_icdNegotiateLoaderICDInterfaceVersion != nullptr) return &loaded;
  std::fprintf(stderr, "fault layer: %s is no Vulkan driver\n", path);
  return nullptr;
}

}  // namespace

Driver* driver() {
  static Driver* const only = load();
  return only;
}

}  // namespace fault_layer
