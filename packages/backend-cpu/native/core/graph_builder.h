#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/graph.h"

namespace gearshift {

enum class BuildProgress : uint8_t { more, ready, out_of_memory, invalid };

/**
 * Makes the resident copy of a graph in steps of bounded length, because the whole of a large one takes seconds: between
 * them a thread can be ended and a clock looked at. The arrays of the graph stay the caller's, and must neither change nor
 * go away before the last step.
 */
class GraphBuilder {
 public:
  explicit GraphBuilder(const CsrView& csr) noexcept : csr_(csr) {}

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

  enum class Phase : uint8_t { check_rows, check_columns, measure, allocate, enter_window, next_slice, fill_slice, ready };

  /** The slices of one window in order, with everything but first_entry filled in. */
  class WindowSlices {
   public:
    void enter(const CsrView& csr, size_t window) noexcept;
    /** False behind the last one. */
    bool next(const CsrView& csr, Slice* slice) noexcept;

   private:
    uint32_t order_[kWindow];  // nodes, the longest rows first
    size_t count_ = 0;
    size_t next_ = 0;
  };

  // Each goes on with its phase, takes what that cost out of the budget, and enters the next phase at the end.
  bool check_rows(size_t* budget) noexcept;
  bool check_columns(size_t* budget) noexcept;
  void measure(size_t* budget) noexcept;
  bool allocate() noexcept;
  void enter_window(size_t* budget) noexcept;
  void next_slice(size_t* budget) noexcept;
  void fill_slice(size_t* budget) noexcept;

  size_t windows() const noexcept { return csr_.nodes / kWindow + (csr_.nodes % kWindow != 0); }

  const CsrView csr_;
  std::unique_ptr<ResidentGraph> graph_;
  Phase phase_ = Phase::check_rows;
  size_t position_ = 0;  // node, edge or window, whatever the phase goes through
  size_t slice_count_ = 0;
  size_t entries_ = 0;

  WindowSlices window_slices_;
  Slice slice_{};
  size_t step_ = 0;
  size_t next_slice_ = 0;
  size_t next_entry_ = 0;
};

}  // namespace gearshift
