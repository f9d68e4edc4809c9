#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/aligned_memory.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/** A graph in compressed-row form: row = receiving node, column = sending node. */
struct CsrArrays {
  const uint32_t* row_pointers;  // nodes + 1
  uint32_t* columns;             // edges
  float* weights;                // edges
  size_t nodes;
  size_t edges;
};

/** As docs/semantics.md has them. */
struct SpreadOptions {
  float decay;
  float retention;
  float threshold;
};

/**
 * A copy of a graph made for spreading: sliced ELLPACK (Kreutzer et al., SELL-C-sigma, SIAM J. Sci. Comput. 36(5), 2014)
 * with slices of 16 rows, so that one vector holds the sums of 16 nodes. Within windows of kWindow nodes rows are sorted by
 * length, so that little of a slice is empty. A row far longer than its neighbours would stretch a slice to its length, so
 * each of these is laid out on its own, its edges one after the other. A GraphBuilder makes it; it does not change after.
 *
 * Activations that exceed the caches are cut into tiles of senders, each with slices of its own for the edges from there: first
 * all nodes sum the edges from the first tile, then those from the second. The edges of a row ascend by their sender, so each
 * node sums in one order whatever the tiles.
 */
class ResidentGraph {
 public:
  static constexpr size_t kLanes = 16;
  static constexpr size_t kWindow = 1024;

  size_t nodes() const noexcept { return nodes_; }
  size_t edges() const noexcept { return edges_; }
  /** Parts that the senders are cut into; 1: they are not. */
  size_t tiles() const noexcept { return tiles_; }
  size_t bytes() const noexcept {
    return slices_.bytes() + window_slices_.bytes() + columns_.bytes() + weights_.bytes();
  }

  /** Where a walk over the edges is. */
  struct EdgePosition {
    size_t slice = 0;
    size_t step = 0;
  };

  /**
   * Calls visit(receiver, sender, weight) for about `budget` edges from `position` on, and moves it on. Edges between the same
   * two nodes come in the order of their row.
   *
   * @return whether these were the last edges
   */
  template <typename Visit>
  bool visit_edges(EdgePosition* position, size_t budget, const Visit& visit) const noexcept;

 private:
  friend class GraphBuilder;
  friend class TiledSums;
  friend void spread_rows(const KernelTable&, const ResidentGraph&, const float*, const SpreadOptions&, size_t, size_t,
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
  size_t tiles_ = 1;
  AlignedMemory slices_;         // Slice: those of the first tile, window by window, then those of the next
  AlignedMemory window_slices_;  // size_t: first slice of each window of each tile, and one past the last
  AlignedMemory columns_;        // uint32_t; behind a lane's length undefined but a valid node
  AlignedMemory weights_;        // float
};

template <typename Visit>
bool ResidentGraph::visit_edges(EdgePosition* position, size_t budget, const Visit& visit) const noexcept {
  const auto* const slices = slices_.as<Slice>();
  const uint32_t* const columns = columns_.as<uint32_t>();
  const float* const weights = weights_.as<float>();
  const size_t slice_count = slices_.bytes() / sizeof(Slice);
  for (; position->slice < slice_count; ++position->slice, position->step = 0) {
    const Slice& slice = slices[position->slice];
    for (; position->step < slice.lengths[0]; ++position->step) {
      if (budget == 0) return false;
      budget -= std::min(budget, kLanes);
      for (size_t lane = 0; lane < slice.lane_count && position->step < slice.lengths[lane]; ++lane) {
        const size_t entry = slice.first_entry + position->step * kLanes + lane;
        visit(slice.nodes[slice.is_long ? 0 : lane], columns[entry], weights[entry]);
      }
    }
  }
  return true;
}

}  // namespace gearshift
