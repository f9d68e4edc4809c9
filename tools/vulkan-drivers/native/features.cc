#include "features.h"

#include "driver.h"

namespace fault_layer {
namespace {

// Dynamic indices into arrays of sampled and of storage images: missing from Mesa 22.3, the version of Debian 12.
constexpr int kClaimed[] = {34, 36};

void claim(vulkan::Features* features) {
  for (const int feature : kClaimed) features->has[feature] = 1;
}

/** Removes the claimed features that the driver lacks. */
void take_back(const vulkan::Features& real, vulkan::Features* wanted) {
  for (const int feature : kClaimed) wanted->has[feature] &= real.has[feature];
}

vulkan::Features2* find_features(vulkan::Features2* chain) {
  while (chain != nullptr && chain->type != vulkan::kTypeFeatures2) chain = chain->next;
  return chain;
}

}  // namespace

void get_features(vulkan::PhysicalDevice device, vulkan::Features* features) {
  driver()->vkGetPhysicalDeviceFeatures(device, features);
  claim(features);
}

void get_features_2(vulkan::PhysicalDevice device, vulkan::Features2* features) {
  driver()->vkGetPhysicalDeviceFeatures2(device, features);
  claim(&features->features);
}

void get_features_2_khr(vulkan::PhysicalDevice device, vulkan::Features2* features) {
  driver()->vkGetPhysicalDeviceFeatures2KHR(device, features);
  claim(&features->features);
}

vulkan::Result create_without_claims(vulkan::PhysicalDevice physical, const vulkan::DeviceCreateInfo& info, const void* allocator,
                                     vulkan::Device* device) {
  vulkan::Features real{};
  driver()->vkGetPhysicalDeviceFeatures(physical, &real);

  vulkan::DeviceCreateInfo own = info;
  vulkan::Features features{};
  if (info.features != nullptr) {
    features = *info.features;
    take_back(real, &features);
    own.features = &features;
  }
  // Copying a chain takes the sizes of all its structures, so the caller's chain is changed during the call.
  vulkan::Features2* chained = find_features(info.next);
  const vulkan::Features before = chained == nullptr ? vulkan::Features{} : chained->features;
  if (chained != nullptr) take_back(real, &chained->features);
  const vulkan::Result result = driver()->vkCreateDevice(physical, &own, allocator, device);
  if (chained != nullptr) chained->features = before;
  return result;
}

}  // namespace fault_layer
