#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "core/aligned_memory.h"
#include "core/graph_builder.h"

namespace gearshift::binding {

/**
 * A graph's arrays on their way into a resident copy: taken over piece by piece on the thread that owns them, then built
 * from on any thread. The checks read this copy, which no other thread can change.
 */
class GraphStaging {
 public:
  /** False: out of memory. */
  bool allocate(size_t nodes, size_t edges) noexcept {
    clear();
    // Huge pages also make it quick to let go of: pages of 4 KiB take some 100 ms a gigabyte.
    size_t row_bytes = 0;
    size_t edge_bytes = 0;
    if (nodes == SIZE_MAX || !multiply(nodes + 1, sizeof(uint32_t), &row_bytes) ||
        !multiply(edges, sizeof(uint32_t), &edge_bytes) || !row_pointers_.allocate(row_bytes) ||
        !columns_.allocate(edge_bytes) || !weights_.allocate(edge_bytes)) {
      return false;
    }
    builder_.reset(new (std::nothrow) GraphBuilder({row_pointers(), columns(), weights(), nodes, edges}));
    return builder_ != nullptr;
  }

  bool is_allocated() const noexcept { return builder_ != nullptr; }

  void clear() noexcept {
    builder_.reset();
    row_pointers_.reset();
    columns_.reset();
    weights_.reset();
  }

  uint32_t* row_pointers() noexcept { return row_pointers_.as<uint32_t>(); }
  uint32_t* columns() noexcept { return columns_.as<uint32_t>(); }
  float* weights() noexcept { return weights_.as<float>(); }
  /** At work on the arrays, once they are complete. */
  GraphBuilder& builder() noexcept { return *builder_; }

 private:
  AlignedMemory row_pointers_;
  AlignedMemory columns_;
  AlignedMemory weights_;
  std::unique_ptr<GraphBuilder> builder_;
};

}  // namespace gearshift::binding
