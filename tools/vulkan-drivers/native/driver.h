#pragma once

#include "vulkan.h"

namespace fault_layer {

/** Functions of the real driver. An entry is set when the loader or the program asks for the function. */
struct Driver {
  vulkan::Function (*vk_icdGetInstanceProcAddr)(vulkan::Instance, const char*);
  vulkan::Function (*vk_icdGetPhysicalDeviceProcAddr)(vulkan::Instance, const char*);
  vulkan::Result (*vk_icdNegotiateLoaderICDInterfaceVersion)(uint32_t*);

  vulkan::Function (*vkGetDeviceProcAddr)(vulkan::Device, const char*);
  void (*vkGetPhysicalDeviceFeatures)(vulkan::PhysicalDevice, vulkan::Features*);
  void (*vkGetPhysicalDeviceFeatures2)(vulkan::PhysicalDevice, vulkan::Features2*);
  void (*vkGetPhysicalDeviceFeatures2KHR)(vulkan::PhysicalDevice, vulkan::Features2*);
  vulkan::Result (*vkCreateDevice)(vulkan::PhysicalDevice, const vulkan::DeviceCreateInfo*, const void*, vulkan::Device*);
  void (*vkDestroyDevice)(vulkan::Device, const void*);
  void (*vkGetDeviceQueue)(vulkan::Device, uint32_t, uint32_t, vulkan::Queue*);
  void (*vkGetDeviceQueue2)(vulkan::Device, const void*, vulkan::Queue*);
  vulkan::Result (*vkAllocateMemory)(vulkan::Device, const vulkan::MemoryAllocateInfo*, const void*, vulkan::Handle*);
  void (*vkFreeMemory)(vulkan::Device, vulkan::Handle, const void*);
  vulkan::Result (*vkQueueSubmit)(vulkan::Queue, uint32_t, const void*, vulkan::Handle);
  vulkan::Result (*vkQueueWaitIdle)(vulkan::Queue);
  vulkan::Result (*vkDeviceWaitIdle)(vulkan::Device);
  vulkan::Result (*vkWaitForFences)(vulkan::Device, uint32_t, const vulkan::Handle*, vulkan::Bool, uint64_t);
  vulkan::Result (*vkGetFenceStatus)(vulkan::Device, vulkan::Handle);
  vulkan::Result (*vkCreateComputePipelines)(vulkan::Device, vulkan::Handle, uint32_t, const void*, const void*, vulkan::Handle*);
};

/** The driver that GEARSHIFT_VULKAN_DRIVER names. Null, with the reason on standard error, if its library does not load. */
Driver* driver();

}  // namespace fault_layer
