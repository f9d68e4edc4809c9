#pragma once

#include <memory>
#include <vector>

#include "device/memory_pool.h"
#include "kernels/geometry.h"

namespace gearshift::cuda {

/** A matrix, or some rows of one, on a device: rows padded with zeros to 16 bytes, and the inverse norm of each. */
struct DeviceMatrix {
  size_t rows = 0;
  size_t dimensions = 0;
  size_t stride = 0;  // floats
  DeviceBuffer values;
  DeviceBuffer inverse_norms;

  Outcome allocate(Device& device, size_t row_count, size_t dimension_count) noexcept;
  size_t bytes() const noexcept { return values.bytes() + inverse_norms.bytes(); }
};

/** A graph in compressed-row form on a device. */
struct DeviceGraph {
  size_t nodes = 0;
  size_t edges = 0;
  DeviceBuffer row_pointers;
  DeviceBuffer columns;
  DeviceBuffer weights;
  /** Numbers of the rows with more than kLongRowEdges edges. */
  DeviceBuffer long_rows;
  size_t long_row_count = 0;

  Outcome allocate(Device& device, size_t node_count, size_t edge_count) noexcept;
  size_t bytes() const noexcept {
    return row_pointers.bytes() + columns.bytes() + weights.bytes() + long_rows.bytes();
  }
};

}  // namespace gearshift::cuda
