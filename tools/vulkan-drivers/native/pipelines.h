#pragma once

#include "vulkan.h"

namespace fault_layer {

vulkan::Result create_compute_pipelines(vulkan::Device, vulkan::Handle cache, uint32_t count, const void* infos, const void*,
                                        vulkan::Handle* pipelines);

}  // namespace fault_layer
