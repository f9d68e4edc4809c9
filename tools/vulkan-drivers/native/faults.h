#pragma once

#include "vulkan.h"

namespace fault_layer {

/** Each counts one call, and returns the result with which it must fail, or success. */
vulkan::Result count_allocation();
vulkan::Result count_submit();
vulkan::Result count_pipeline();
vulkan::Result count_fence();

}  // namespace fault_layer
