#pragma once

#include "vulkan.h"

namespace fault_layer {

vulkan::Result create_device(vulkan::PhysicalDevice, const vulkan::DeviceCreateInfo*, const void*, vulkan::Device*);
void destroy_device(vulkan::Device, const void*);
void get_queue(vulkan::Device, uint32_t family, uint32_t index, vulkan::Queue*);
void get_queue_2(vulkan::Device, const void*, vulkan::Queue*);

vulkan::Device device_of(vulkan::Queue);
bool is_lost(vulkan::Device);

/** The result as it is; when it is device-lost, the device is lost from now on. */
vulkan::Result noticed(vulkan::Device, vulkan::Result);

}  // namespace fault_layer
