#include "operations/operands.h"

#include <new>

#include "kit/checked_math.h"

namespace gearshift::cuda {
namespace {

/** An empty buffer still has an address, so that kernels get no null. */
size_t at_least_some(size_t bytes) noexcept { return bytes == 0 ? sizeof(float) : bytes; }

}  // namespace

Outcome DeviceMatrix::allocate(Device& device, size_t row_count, size_t dimension_count, Companion form) noexcept {
  rows = row_count;
  dimensions = dimension_count;
  stride = (dimension_count + kRowAlignmentFloats - 1) / kRowAlignmentFloats * kRowAlignmentFloats;
  size_t floats = 0;
  if (stride > UINT32_MAX / 2 || !kit::multiply(rows, stride, &floats) || floats > SIZE_MAX / sizeof(float)) {
    return {Failure::out_of_memory, CUDA_SUCCESS, nullptr, SIZE_MAX};
  }
  Outcome outcome = values.reserve(device, at_least_some(floats * sizeof(float)));
  if (outcome.ok()) outcome = inverse_norms.reserve(device, at_least_some(rows * sizeof(float)));
  record.reset(new (std::nothrow) BoundRecord);
  if (outcome.ok() && record == nullptr) outcome = {Failure::no_host_memory};
  if (!outcome.ok() || form == Companion::none || rows == 0) return outcome;
  const NarrowRows wanted = NarrowRows::of(form, rows, dimensions);
  const Outcome reserved = companion_memory.reserve(device, wanted.bytes());
  if (!reserved.ok()) return reserved.failure == Failure::out_of_memory ? Outcome{} : reserved;
  companion = wanted;
  companion.address = companion_memory.address();
  return {};
}

NarrowRows NarrowRows::of(Companion form, size_t rows, size_t dimensions, size_t levels) noexcept {
  // Rows begin on 16 bytes, as a lane reads them.
  const size_t alignment = form == Companion::float16 ? 8 : 16;
  NarrowRows narrow;
  narrow.form = form;
  narrow.rows = rows;
  narrow.stride = (dimensions + alignment - 1) / alignment * alignment;
  narrow.levels = levels;
  return narrow;
}

Outcome narrow(Lane& lane, const NarrowRows& to, CUdeviceptr rows, size_t stride, size_t dimensions, size_t first,
               size_t count) noexcept {
  const Kernels& kernels = lane.device().kernels();
  const CUfunction kernel = to.form == Companion::float16 ? kernels.narrow_rows_f16
                            : to.levels == 2              ? kernels.narrow_queries_int8
                                                          : kernels.narrow_rows_int8;
  auto stride_32 = static_cast<uint32_t>(stride);
  auto dimensions_32 = static_cast<uint32_t>(dimensions);
  uint64_t first_64 = first;
  uint64_t count_64 = count;
  auto narrow_stride = static_cast<uint32_t>(to.stride);
  CUdeviceptr values = to.address;
  CUdeviceptr factors = to.factors();
  CUdeviceptr errors = to.errors();
  void* parameters[] = {&rows, &stride_32, &dimensions_32, &first_64, &count_64, &narrow_stride, &values, &factors, &errors};
  return lane.launch(kernel, static_cast<unsigned>((count + kScanWarps - 1) / kScanWarps), 1, kScanThreads, parameters);
}

void BoundRecord::note(size_t tried, size_t failed) noexcept {
  constexpr uint32_t kRemembered = 1024;
  const uint32_t share = this->tried() > kRemembered ? 2 : 1;
  tried_.store((this->tried() + static_cast<uint32_t>(tried)) / share, std::memory_order_relaxed);
  failed_.store((this->failed() + static_cast<uint32_t>(failed)) / share, std::memory_order_relaxed);
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
