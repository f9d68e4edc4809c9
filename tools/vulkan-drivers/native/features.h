#pragma once

#include "vulkan.h"

namespace fault_layer {

/** The features of the driver, plus two that Dawn requires of every driver and that buffers do not need. */
void get_features(vulkan::PhysicalDevice, vulkan::Features*);
void get_features_2(vulkan::PhysicalDevice, vulkan::Features2*);
void get_features_2_khr(vulkan::PhysicalDevice, vulkan::Features2*);

/** Creates a device, and asks the driver only for features that it has. */
vulkan::Result create_without_claims(vulkan::PhysicalDevice, const vulkan::DeviceCreateInfo&, const void*, vulkan::Device*);

}  // namespace fault_layer
