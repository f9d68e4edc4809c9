#pragma once

#include <atomic>
#include <cstdint>

namespace fault_layer {

/**
 * The file through which a test sets faults and reads counters, mapped into memory: 64-bit integers in this order. A test
 * writes the settings, the layer the counters. src/control-file.ts repeats the order; a test compares the two.
 *
 * Calls are numbered from 1. The calls from number `first` to number `last` fail with `result`; `last` is 0 when none does.
 */
#define FAULT_LAYER_SETTINGS(X) \
  X(allocation_first)           \
  X(allocation_last)            \
  X(allocation_result)          \
  X(submit_first)               \
  X(submit_last)                \
  X(submit_result)              \
  X(pipeline_first)             \
  X(pipeline_last)              \
  X(pipeline_result)            \
  X(fence_first)                \
  X(fence_last)                 \
  X(fence_result)               \
  X(limit_bytes)                \
  X(delay_ns)

#define FAULT_LAYER_COUNTERS(X) \
  X(devices)                    \
  X(live_devices)               \
  X(allocations)                \
  X(failed_allocations)         \
  X(frees)                      \
  X(live_allocations)           \
  X(bytes_in_use)               \
  X(peak_bytes)                 \
  X(submits)                    \
  X(pipelines)                  \
  X(fences)

struct ControlBlock {
#define FAULT_LAYER_DECLARE(name) std::atomic<int64_t> name;
  FAULT_LAYER_SETTINGS(FAULT_LAYER_DECLARE)
  FAULT_LAYER_COUNTERS(FAULT_LAYER_DECLARE)
#undef FAULT_LAYER_DECLARE
};

static_assert(std::atomic<int64_t>::is_always_lock_free, "other processes write to the file");

/** The file that GEARSHIFT_VULKAN_FAULTS names, or a block without faults when the variable is not set. */
ControlBlock& control();

}  // namespace fault_layer
