#pragma once

#include <atomic>
#include <memory>

#include "device/lane.h"
#include "kernels/geometry.h"

namespace gearshift::cuda {

/** A smaller copy that a matrix may have beside its float32 one. The same numbers as COMPANION_CODES in src/addon.ts. */
enum class Companion : uint32_t { none = 0, float16 = 1, int8 = 2 };

/** Where vectors in fewer bits are: the values of all, then the factor of each, then the error (kernels/narrow.cu). */
struct NarrowRows {
  Companion form = Companion::none;
  size_t rows = 0;
  size_t stride = 0;  // elements, of one level
  size_t levels = 1;
  CUdeviceptr address = 0;

  static NarrowRows of(Companion form, size_t rows, size_t dimensions, size_t levels = 1) noexcept;
  size_t bytes() const noexcept { return values_bytes() + 2 * numbers_bytes(); }
  size_t row_bytes() const noexcept { return stride * levels * (form == Companion::float16 ? 2 : 1); }
  CUdeviceptr factors() const noexcept { return address + values_bytes(); }
  CUdeviceptr errors() const noexcept { return factors() + numbers_bytes(); }

 private:
  size_t values_bytes() const noexcept { return rows * row_bytes(); }
  size_t numbers_bytes() const noexcept { return rows * sizeof(float); }
};

/** Launches the making of rows [first, first + count) from float32 rows of `stride` floats. */
Outcome narrow(Lane& lane, const NarrowRows& to, CUdeviceptr rows, size_t stride, size_t dimensions, size_t first,
               size_t count) noexcept;

/** How often bounds from fewer bits were enough to know the best rows of a matrix. Threads may lose a count to each other. */
class BoundRecord {
 public:
  bool is_worthwhile() const noexcept { return failed() * 2 <= tried(); }
  uint32_t tried() const noexcept { return tried_.load(std::memory_order_relaxed); }
  uint32_t failed() const noexcept { return failed_.load(std::memory_order_relaxed); }
  void note(size_t tried, size_t failed) noexcept;

 private:
  // As if some had been good: the first few failures say little.
  std::atomic<uint32_t> tried_{32};
  std::atomic<uint32_t> failed_{0};
};

/** A matrix, or some rows of one, on a device: rows padded with zeros to 16 bytes, and the inverse norm of each. */
struct DeviceMatrix {
  size_t rows = 0;
  size_t dimensions = 0;
  size_t stride = 0;  // floats
  DeviceBuffer values;
  DeviceBuffer inverse_norms;
  NarrowRows companion;
  DeviceBuffer companion_memory;
  std::unique_ptr<BoundRecord> record;

  /** Where there is no memory for the companion, there is none: it makes requests faster and is not needed. */
  Outcome allocate(Device& device, size_t row_count, size_t dimension_count, Companion form) noexcept;
  size_t bytes() const noexcept { return values.bytes() + inverse_norms.bytes() + companion_memory.bytes(); }
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
