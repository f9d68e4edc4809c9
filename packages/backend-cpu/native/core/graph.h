#pragma once

#include <cstddef>
#include <cstdint>

#include "core/aligned_memory.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/** A caller's graph in compressed-row form: row = receiving node, column = sending node. */
struct CsrView {
  const uint32_t* row_pointers;  // nodes + 1
  const uint32_t* columns;       // edges
  const float* weights;          // edges
  size_t nodes;
  size_t edges;
};

/**
 * A copy of a graph made for spreading: sliced ELLPACK (Kreutzer et al., SELL-C-sigma, SIAM J. Sci. Comput. 36(5), 2014)
 * with slices of 16 rows, so that one vector holds the sums of 16 nodes. Within windows of kWindow nodes rows are sorted by
 * length, so that little of a slice is empty. A row far longer than its neighbours would stretch a slice to its length, so
 * each of these is laid out on its own, its edges one after the other. A GraphBuilder makes it; it does not change after.
 */
class ResidentGraph {
 public:
  static constexpr size_t kLanes = 16;
  static constexpr size_t kWindow = 1024;

  size_t nodes() const noexcept { return nodes_; }
  size_t edges() const noexcept { return edges_; }
  size_t bytes() const noexcept {
    return slices_.bytes() + window_slices_.bytes() + columns_.bytes() + weights_.bytes();
  }

 private:
  friend class GraphBuilder;
  friend void spread_rows(const KernelTable&, const ResidentGraph&, const float*, float, float, float, size_t, size_t,
                          float*) noexcept;

  /**
   * Sixteen nodes, or one long row. The edge of lane l at step s is at first_entry + s * 16 + l. The edges of a long row are
   * numbered through all lanes, so they lie in their order, and the sum of the lengths is their count.
   */
  struct Slice {
    size_t first_entry;
    uint32_t lengths[kLanes];  // descending; 0 for a lane without a node
    uint32_t nodes[kLanes];    // of a long row only the first counts
    uint8_t lane_count;        // lanes that have a node
    bool is_long;
  };

  ResidentGraph() noexcept = default;

  size_t nodes_ = 0;
  size_t edges_ = 0;
  AlignedMemory slices_;         // Slice
  AlignedMemory window_slices_;  // size_t: first slice of each window, and one past the last
  AlignedMemory columns_;        // uint32_t; behind a lane's length undefined but a valid node
  AlignedMemory weights_;        // float
};

}  // namespace gearshift
