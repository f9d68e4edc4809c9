#include "operations/operands.h"

namespace gearshift::cuda {
namespace {

/** False when the product does not fit. */
bool multiply(size_t a, size_t b, size_t* product) noexcept { return !__builtin_mul_overflow(a, b, product); }

/** An empty buffer still has an address, so that kernels get no null. */
size_t at_least_some(size_t bytes) noexcept { return bytes == 0 ? sizeof(float) : bytes; }

}  // namespace

Outcome DeviceMatrix::allocate(Device& device, size_t row_count, size_t dimension_count) noexcept {
  rows = row_count;
  dimensions = dimension_count;
  stride = (dimension_count + kRowAlignmentFloats - 1) / kRowAlignmentFloats * kRowAlignmentFloats;
  size_t floats = 0;
  if (stride > UINT32_MAX / 2 || !multiply(rows, stride, &floats) || floats > SIZE_MAX / sizeof(float)) {
    return {Failure::out_of_memory, CUDA_SUCCESS, nullptr, SIZE_MAX};
  }
  Outcome outcome = values.reserve(device, at_least_some(floats * sizeof(float)));
  if (outcome.ok()) outcome = inverse_norms.reserve(device, at_least_some(rows * sizeof(float)));
  return outcome;
}

Outcome DeviceGraph::allocate(Device& device, size_t node_count, size_t edge_count) noexcept {
  nodes = node_count;
  edges = edge_count;
  Outcome outcome = row_pointers.reserve(device, (nodes + 1) * sizeof(uint32_t));
  if (outcome.ok()) outcome = columns.reserve(device, at_least_some(edges * sizeof(uint32_t)));
  if (outcome.ok()) outcome = weights.reserve(device, at_least_some(edges * sizeof(float)));
  return outcome;
}

}  // namespace gearshift::cuda
