#include "faults.h"

#include "control_block.h"

namespace fault_layer {
namespace {

using Cell = std::atomic<int64_t>;

vulkan::Result count(Cell& calls, const Cell& first, const Cell& last, const Cell& result) {
  const int64_t number = ++calls;
  return number <= last && number >= first ? static_cast<vulkan::Result>(result) : vulkan::kSuccess;
}

}  // namespace

vulkan::Result count_allocation() {
  ControlBlock& block = control();
  return count(block.allocations, block.allocation_first, block.allocation_last, block.allocation_result);
}

vulkan::Result count_submit() {
  ControlBlock& block = control();
  return count(block.submits, block.submit_first, block.submit_last, block.submit_result);
}

vulkan::Result count_pipeline() {
  ControlBlock& block = control();
  return count(block.pipelines, block.pipeline_first, block.pipeline_last, block.pipeline_result);
}

vulkan::Result count_fence() {
  ControlBlock& block = control();
  return count(block.fences, block.fence_first, block.fence_last, block.fence_result);
}

}  // namespace fault_layer
