#pragma once

#include "vulkan.h"

namespace fault_layer {

vulkan::Result submit(vulkan::Queue, uint32_t count, const void* submits, vulkan::Handle fence);
vulkan::Result wait_for_fences(vulkan::Device, uint32_t count, const vulkan::Handle* fences, vulkan::Bool all, uint64_t timeout_ns);
vulkan::Result get_fence_status(vulkan::Device, vulkan::Handle fence);
vulkan::Result wait_for_queue(vulkan::Queue);
vulkan::Result wait_for_device(vulkan::Device);

}  // namespace fault_layer
