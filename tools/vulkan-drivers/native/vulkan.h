#pragma once

#include <cstdint>

/** The few declarations of Vulkan that the fault layer needs, as the specification lays them out for 64 bits. */
namespace vulkan {

using Result = int32_t;
constexpr Result kSuccess = 0;
constexpr Result kNotReady = 1;
constexpr Result kTimeout = 2;
constexpr Result kOutOfDeviceMemory = -2;
constexpr Result kDeviceLost = -4;
constexpr Result kIncompatibleDriver = -9;

using Bool = uint32_t;
using Handle = uint64_t;  // of memory, fences and pipelines
using Instance = struct InstanceObject*;
using PhysicalDevice = struct PhysicalDeviceObject*;
using Device = struct DeviceObject*;
using Queue = struct QueueObject*;
using Function = void (*)();

struct MemoryAllocateInfo {
  int32_t type;
  const void* next;
  uint64_t size;
  uint32_t memory_type;
};

constexpr int kFeatureCount = 55;

struct Features {
  Bool has[kFeatureCount];
};

constexpr int32_t kTypeFeatures2 = 1000059000;

/** Also the beginning of every structure in a chain of them. */
struct Features2 {
  int32_t type;
  Features2* next;
  Features features;
};

struct DeviceCreateInfo {
  int32_t type;
  Features2* next;
  uint32_t flags, queue_count;
  const void* queues;
  uint32_t layer_count;
  const void* layers;
  uint32_t extension_count;
  const void* extensions;
  const Features* features;
};

}  // namespace vulkan
