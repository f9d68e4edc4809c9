// A Vulkan driver in front of another one: it returns the functions of the other driver, except for those that it replaces.
#include <cstring>

#include "control_block.h"
#include "devices.h"
#include "driver.h"
#include "features.h"
#include "memory.h"
#include "pipelines.h"
#include "submits.h"

#define FAULT_LAYER_EXPORT extern "C" __attribute__((visibility("default")))

FAULT_LAYER_EXPORT vulkan::Function vk_icdGetInstanceProcAddr(vulkan::Instance instance, const char* name);

namespace fault_layer {
namespace {

vulkan::Function get_device_function(vulkan::Device device, const char* name);

/** Keeps the driver's function for the layer, and returns the layer's own. */
template <typename Signature>
vulkan::Function in_front_of(Signature** slot, Signature* own, vulkan::Function real) {
  *slot = reinterpret_cast<Signature*>(real);
  return reinterpret_cast<vulkan::Function>(own);
}

vulkan::Function hook(const char* name, vulkan::Function real) {
  // The driver lacks it, so the layer must not offer it.
  if (real == nullptr) return nullptr;
#define FAULT_LAYER_HOOK(function, own) \
  if (std::strcmp(name, #function) == 0) return in_front_of(&driver()->function, &own, real)
  FAULT_LAYER_HOOK(vkGetDeviceProcAddr, get_device_function);
  FAULT_LAYER_HOOK(vkGetPhysicalDeviceFeatures, get_features);
  FAULT_LAYER_HOOK(vkGetPhysicalDeviceFeatures2, get_features_2);
  FAULT_LAYER_HOOK(vkGetPhysicalDeviceFeatures2KHR, get_features_2_khr);
  FAULT_LAYER_HOOK(vkCreateDevice, create_device);
  FAULT_LAYER_HOOK(vkDestroyDevice, destroy_device);
  FAULT_LAYER_HOOK(vkGetDeviceQueue, get_queue);
  FAULT_LAYER_HOOK(vkGetDeviceQueue2, get_queue_2);
  FAULT_LAYER_HOOK(vkAllocateMemory, allocate_memory);
  FAULT_LAYER_HOOK(vkFreeMemory, free_memory);
  FAULT_LAYER_HOOK(vkQueueSubmit, submit);
  FAULT_LAYER_HOOK(vkQueueWaitIdle, wait_for_queue);
  FAULT_LAYER_HOOK(vkDeviceWaitIdle, wait_for_device);
  FAULT_LAYER_HOOK(vkWaitForFences, wait_for_fences);
  FAULT_LAYER_HOOK(vkGetFenceStatus, get_fence_status);
  FAULT_LAYER_HOOK(vkCreateComputePipelines, create_compute_pipelines);
#undef FAULT_LAYER_HOOK
  if (std::strcmp(name, "vkGetInstanceProcAddr") == 0) return reinterpret_cast<vulkan::Function>(&vk_icdGetInstanceProcAddr);
  return real;
}

vulkan::Function get_device_function(vulkan::Device device, const char* name) {
  return hook(name, driver()->vkGetDeviceProcAddr(device, name));
}

}  // namespace
}  // namespace fault_layer

using fault_layer::driver;

vulkan::Function vk_icdGetInstanceProcAddr(vulkan::Instance instance, const char* name) {
  return driver() == nullptr ? nullptr : fault_layer::hook(name, driver()->vk_icdGetInstanceProcAddr(instance, name));
}

FAULT_LAYER_EXPORT vulkan::Function vk_icdGetPhysicalDeviceProcAddr(vulkan::Instance instance, const char* name) {
  if (driver() == nullptr || driver()->vk_icdGetPhysicalDeviceProcAddr == nullptr) return nullptr;
  return fault_layer::hook(name, driver()->vk_icdGetPhysicalDeviceProcAddr(instance, name));
}

FAULT_LAYER_EXPORT vulkan::Result vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t* version) {
  // The first call of the loader: problems with the control file show at once.
  fault_layer::control();
  return driver() == nullptr ? vulkan::kIncompatibleDriver : driver()->vk_icdNegotiateLoaderICDInterfaceVersion(version);
}
