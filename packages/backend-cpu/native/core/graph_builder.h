#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/graph.h"
#include "core/row_sorter.h"

namespace gearshift {

enum class BuildProgress : uint8_t { more, ready, out_of_memory, invalid };

/**
 * Makes the resident copy of a graph in steps of bounded length, because the whole of a large one takes seconds: between
 * them a thread can be ended and a clock looked at. The arrays of the graph stay the caller's, and must neither change nor
 * go away before the last step. The builder sorts the edges of each row by their sender, in place.
 */
class GraphBuilder {
 public:
  /** @param tile_nodes how many senders go into one tile; 0: as the sizes of caches suggest */
  explicit GraphBuilder(const CsrArrays& csr, size_t tile_nodes = 0) noexcept : csr_(csr), tile_nodes_(tile_nodes) {}

  /**
   * Goes on for about `budget` nodes and edges, however they are spread over the rows. Call it until it gives something
   * else than `more`. A column outside the graph, offsets that descend and nodes that 32 bits cannot number are `invalid`.
   */
  BuildProgress advance(size_t budget) noexcept;

  /** The copy, once it is `ready`. */
  std::unique_ptr<ResidentGraph> take() noexcept { return std::move(graph_); }

 private:
  using Slice = ResidentGraph::Slice;
  static constexpr size_t kLanes = ResidentGraph::kLanes;
  static constexpr size_t kWindow = ResidentGraph::kWindow;

  enum class Phase : uint8_t {
    check_rows,
    check_columns,
    find_unsorted_row,
    sort_row,
    measure,
    allocate,
    enter_window,
    next_slice,
    fill_slice,
    ready
  };

  /** The slices of one window for one tile in order, with everything but first_entry filled in. */
  class WindowSlices {
   public:
    /**
     * @param tile_end the first sender behind the tile
     * @param next_edges of each node the first edge from the tile, which becomes that from the next; null: there is one tile, and
     * nodes without edges are in slices, too
     */
    void enter(const CsrArrays& csr, size_t window, size_t tile_end, uint32_t* next_edges) noexcept;
    /** False behind the last one. */
    bool next(Slice* slice) noexcept;
    /** Where the edges of a node of the window begin, of those from the tile. */
    uint32_t first_edge(uint32_t node) const noexcept { return first_edges_[node % kWindow]; }

   private:
    void sort_by_length() noexcept;
    uint32_t length_at(size_t place) const noexcept { return lengths_[order_[place] % kWindow]; }

    uint32_t first_edges_[kWindow];
    uint32_t lengths_[kWindow];
    uint32_t order_[kWindow];  // nodes, the longest rows first
    uint32_t first_node_ = 0;
    size_t count_ = 0;
    size_t next_ = 0;
  };

  // Each goes on with its phase, takes what that cost out of the budget, and enters the next phase at the end.
  bool check_rows(size_t* budget) noexcept;
  bool check_columns(size_t* budget) noexcept;
  bool find_unsorted_row(size_t* budget) noexcept;
  void sort_row(size_t* budget) noexcept;
  void choose_tiles() noexcept;
  void measure(size_t* budget) noexcept;
  bool allocate() noexcept;
  void enter_window(size_t* budget) noexcept;
  void next_slice(size_t* budget) noexcept;
  void fill_slice(size_t* budget) noexcept;

  size_t windows() const noexcept { return csr_.nodes / kWindow + (csr_.nodes % kWindow != 0); }
  /** Goes back to the first place. */
  void begin_places() noexcept;
  /** Each place is entered once, in order: the slices of a place in the order of the layout: window by window, then the next tile. */
  void enter_place(size_t place) noexcept;

  const CsrArrays csr_;
  size_t tile_nodes_;
  size_t tiles_ = 1;
  AlignedMemory next_edges_;  // uint32_t a node, if there are several tiles
  RowSorter sorter_;
  std::unique_ptr<ResidentGraph> graph_;
  Phase phase_ = Phase::check_rows;
  size_t position_ = 0;  // node, edge or place, whatever the phase goes through
  size_t slice_count_ = 0;
  size_t entries_ = 0;

  WindowSlices window_slices_;
  Slice slice_{};
  size_t step_ = 0;
  size_t next_slice_ = 0;
  size_t next_entry_ = 0;
};

}  // namespace gearshift
