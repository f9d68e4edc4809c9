#include "devices.h"

#include <map>
#include <mutex>
#include <set>

#include "control_block.h"
#include "driver.h"
#include "features.h"

namespace fault_layer {
namespace {

std::mutex mutex;
std::map<vulkan::Queue, vulkan::Device> queues;
std::set<vulkan::Device> lost;

void remember(vulkan::Queue queue, vulkan::Device device) {
  const std::lock_guard lock(mutex);
  queues[queue] = device;
}

}  // namespace

vulkan::Result create_device(vulkan::PhysicalDevice physical, const vulkan::DeviceCreateInfo* info, const void* allocator,
                             vulkan::Device* device) {
  const vulkan::Result result = create_without_claims(physical, *info, allocator, device);
  if (result != vulkan::kSuccess) return result;
  ++control().devices;
  ++control().live_devices;
  return result;
}

void destroy_device(vulkan::Device device, const void* allocator) {
  driver()->vkDestroyDevice(device, allocator);
  if (device == nullptr) return;
  --control().live_devices;
  const std::lock_guard lock(mutex);
  // The next device may have the same address.
  lost.erase(device);
  for (auto entry = queues.begin(); entry != queues.end();) entry = entry->second == device ? queues.erase(entry) : ++entry;
}

void get_queue(vulkan::Device device, uint32_t family, uint32_t index, vulkan::Queue* queue) {
  driver()->vkGetDeviceQueue(device, family, index, queue);
  remember(*queue, device);
}

void get_queue_2(vulkan::Device device, const void* info, vulkan::Queue* queue) {
  driver()->vkGetDeviceQueue2(device, info, queue);
  remember(*queue, device);
}

vulkan::Device device_of(vulkan::Queue queue) {
  const std::lock_guard lock(mutex);
  return queues.at(queue);
}

bool is_lost(vulkan::Device device) {
  const std::lock_guard lock(mutex);
  return lost.count(device) != 0;
}

vulkan::Result noticed(vulkan::Device device, vulkan::Result result) {
  if (result != vulkan::kDeviceLost || is_lost(device)) return result;
  // The program may now destroy objects that submitted work still uses in the driver: let that work finish first.
  driver()->vkDeviceWaitIdle(device);
  const std::lock_guard lock(mutex);
  lost.insert(device);
  return result;
}

}  // namespace fault_layer
