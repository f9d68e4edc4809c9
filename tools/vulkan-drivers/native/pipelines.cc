#include "pipelines.h"

#include <algorithm>

#include "devices.h"
#include "driver.h"
#include "faults.h"

namespace fault_layer {

vulkan::Result create_compute_pipelines(vulkan::Device device, vulkan::Handle cache, uint32_t count, const void* infos,
                                        const void* allocator, vulkan::Handle* pipelines) {
  vulkan::Result fault = vulkan::kSuccess;
  for (uint32_t i = 0; i < count; ++i) {
    const vulkan::Result own = noticed(device, count_pipeline());
    if (fault == vulkan::kSuccess) fault = own;
  }
  if (fault == vulkan::kSuccess) return driver()->vkCreateComputePipelines(device, cache, count, infos, allocator, pipelines);
  // The specification asks for null handles.
  std::fill_n(pipelines, count, 0);
  return fault;
}

}  // namespace fault_layer
