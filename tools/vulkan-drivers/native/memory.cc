#include "memory.h"

#include <mutex>
#include <unordered_map>

#include "control_block.h"
#include "devices.h"
#include "driver.h"
#include "faults.h"

namespace fault_layer {
namespace {

std::mutex mutex;
std::unordered_map<vulkan::Handle, int64_t> sizes;

void raise_peak(int64_t bytes) {
  std::atomic<int64_t>& peak = control().peak_bytes;
  for (int64_t before = peak; before < bytes && !peak.compare_exchange_weak(before, bytes);) continue;
}

vulkan::Result allocate_within_limit(vulkan::Device device, const vulkan::MemoryAllocateInfo* info, const void* allocator,
                                     vulkan::Handle* memory) {
  ControlBlock& block = control();
  const auto size = static_cast<int64_t>(info->size);
  // Added before the check, so that two threads or processes cannot exceed the limit together.
  const int64_t bytes = block.bytes_in_use += size;
  const vulkan::Result result =
      bytes > block.limit_bytes ? vulkan::kOutOfDeviceMemory : driver()->vkAllocateMemory(device, info, allocator, memory);
  if (result != vulkan::kSuccess) {
    block.bytes_in_use -= size;
    return result;
  }
  raise_peak(bytes);
  ++block.live_allocations;
  const std::lock_guard lock(mutex);
  sizes[*memory] = size;
  return result;
}

}  // namespace

vulkan::Result allocate_memory(vulkan::Device device, const vulkan::MemoryAllocateInfo* info, const void* allocator,
                               vulkan::Handle* memory) {
  vulkan::Result result = noticed(device, count_allocation());
  if (result == vulkan::kSuccess) result = allocate_within_limit(device, info, allocator, memory);
  if (result != vulkan::kSuccess) ++control().failed_allocations;
  return result;
}

void free_memory(vulkan::Device device, vulkan::Handle memory, const void* allocator) {
  int64_t size = 0;
  if (memory != 0) {
    const std::lock_guard lock(mutex);
    size = sizes.at(memory);
    sizes.erase(memory);
  }
  driver()->vkFreeMemory(device, memory, allocator);
  if (memory == 0) return;
  ++control().frees;
  --control().live_allocations;
  control().bytes_in_use -= size;
}

}  // namespace fault_layer
