#pragma once

#include "vulkan.h"

namespace fault_layer {

vulkan::Result allocate_memory(vulkan::Device, const vulkan::MemoryAllocateInfo*, const void*, vulkan::Handle*);
void free_memory(vulkan::Device, vulkan::Handle, const void*);

}  // namespace fault_layer
