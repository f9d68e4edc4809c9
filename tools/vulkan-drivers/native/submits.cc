#include "submits.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "control_block.h"
#include "devices.h"
#include "driver.h"
#include "faults.h"

// A slow device: the driver does the work at its own speed, and the layer reports it as done only after the delay.

namespace fault_layer {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

std::mutex mutex;
std::unordered_map<vulkan::Handle, Clock::time_point> submitted;  // by fence
Clock::time_point last_submitted{};

/** Reads the delay each time: a test that removes it releases the work that waits. */
bool is_over(Clock::time_point start) {
  return Clock::now() - start >= nanoseconds(control().delay_ns);
}

bool is_delayed(vulkan::Handle fence) {
  const std::lock_guard lock(mutex);
  const auto entry = submitted.find(fence);
  return entry != submitted.end() && !is_over(entry->second);
}

bool are_delayed(const vulkan::Handle* fences, uint32_t count, bool all) {
  return all ? std::any_of(fences, fences + count, is_delayed) : std::all_of(fences, fences + count, is_delayed);
}

bool is_last_submit_delayed() {
  const std::lock_guard lock(mutex);
  return !is_over(last_submitted);
}

void pause() { std::this_thread::sleep_for(std::chrono::microseconds(200)); }

}  // namespace

vulkan::Result submit(vulkan::Queue queue, uint32_t count, const void* submits, vulkan::Handle fence) {
  const vulkan::Device device = device_of(queue);
  const vulkan::Result fault = count_submit();
  if (fault != vulkan::kSuccess) return noticed(device, fault);
  if (is_lost(device)) return vulkan::kDeviceLost;
  {
    const std::lock_guard lock(mutex);
    last_submitted = Clock::now();
    if (fence != 0) submitted[fence] = last_submitted;
  }
  return driver()->vkQueueSubmit(queue, count, submits, fence);
}

vulkan::Result wait_for_fences(vulkan::Device device, uint32_t count, const vulkan::Handle* fences, vulkan::Bool all,
                               uint64_t timeout_ns) {
  const vulkan::Result fault = count_fence();
  if (fault != vulkan::kSuccess) return noticed(device, fault);
  if (is_lost(device)) return vulkan::kDeviceLost;
  const Clock::time_point start = Clock::now();
  const auto waited_ns = [&] { return static_cast<uint64_t>(nanoseconds(Clock::now() - start).count()); };
  while (are_delayed(fences, count, all != 0)) {
    if (waited_ns() >= timeout_ns) return vulkan::kTimeout;
    pause();
  }
  // UINT64_MAX means no timeout.
  const uint64_t left_ns = timeout_ns == UINT64_MAX ? timeout_ns : timeout_ns - std::min(timeout_ns, waited_ns());
  return driver()->vkWaitForFences(device, count, fences, all, left_ns);
}

vulkan::Result get_fence_status(vulkan::Device device, vulkan::Handle fence) {
  const vulkan::Result fault = count_fence();
  if (fault != vulkan::kSuccess) return noticed(device, fault);
  if (is_lost(device)) return vulkan::kDeviceLost;
  return is_delayed(fence) ? vulkan::kNotReady : driver()->vkGetFenceStatus(device, fence);
}

vulkan::Result wait_for_queue(vulkan::Queue queue) {
  if (is_lost(device_of(queue))) return vulkan::kDeviceLost;
  while (is_last_submit_delayed()) pause();
  return driver()->vkQueueWaitIdle(queue);
}

vulkan::Result wait_for_device(vulkan::Device device) {
  if (is_lost(device)) return vulkan::kDeviceLost;
  while (is_last_submit_delayed()) pause();
  return driver()->vkDeviceWaitIdle(device);
}

}  // namespace fault_layer
