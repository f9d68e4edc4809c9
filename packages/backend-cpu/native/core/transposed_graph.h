#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/aligned_memory.h"
#include "core/graph.h"
#include "core/graph_builder.h"

namespace gearshift {

/** A node with an activation other than zero. */
struct ActiveNode {
  uint32_t node;
  float activation;
};

/**
 * A graph by its senders, for hops in which few nodes are active: each of them adds its share to its receivers, and the rest of
 * the graph is not read. Senders follow in ascending order, so each node adds up the same terms in the same order as in
 * spread_rows(), but those of senders with an activation of 0: adding 0 changes no sum.
 *
 * It has working space for one call at a time.
 */
class TransposedGraph {
 public:
  /** Whether `x` is zero but for few nodes, judged by their number alone. */
  static bool is_sparse(const float* x, size_t nodes) noexcept;

  size_t bytes() const noexcept {
    return first_edges_.bytes() + edges_.bytes() + sums_.bytes() + received_.bytes() + active_.bytes() + next_.bytes();
  }

  /**
   * Up to `hops` hops for all nodes; the result for the nodes [start, end) is written to y[node - start]. Stops early when
   * more nodes become active than pays, and after much work.
   *
   * @return how many hops were done; 0: none, and `y` is as before
   */
  size_t spread(const float* x, const SpreadOptions& options, size_t hops, size_t start, size_t end, float* y) noexcept;

 private:
  friend class TransposedGraphBuilder;

  struct Edge {
    uint32_t receiver;
    float weight;
  };

  TransposedGraph() noexcept = default;

  bool find_active(const float* x) noexcept;
  size_t work_of_hop() const noexcept;
  void hop(const SpreadOptions& options) noexcept;

  size_t nodes_ = 0;
  size_t most_work_ = 0;       // edges and nodes of a hop, beyond which all rows are read in less time
  bool is_finite_ = true;      // no weight times 0 gives NaN
  AlignedMemory first_edges_;  // uint32_t: of each sender, and one past the last
  AlignedMemory edges_;        // Edge

  std::atomic<bool> is_in_use_{false};
  AlignedMemory sums_;      // double a node: 0 between hops
  AlignedMemory received_;  // uint64_t: a bit a node, 0 between hops
  AlignedMemory active_;    // ActiveNode, ascending
  AlignedMemory next_;
  size_t active_count_ = 0;
};

/**
 * Makes the transposed form of a graph in steps of bounded length, because the whole of a large one takes the better part of a
 * second, for which other work would have to wait.
 */
class TransposedGraphBuilder {
 public:
  explicit TransposedGraphBuilder(const ResidentGraph& graph) noexcept : graph_(graph) {}

  /** Goes on for about `budget` edges. Call it until it gives something else than `more`. */
  BuildProgress advance(size_t budget) noexcept;
  /** The form, once it is `ready`. */
  std::unique_ptr<TransposedGraph> take() noexcept { return std::move(made_); }

 private:
  bool allocate() noexcept;
  void finish_counting() noexcept;

  const ResidentGraph& graph_;
  std::unique_ptr<TransposedGraph> made_;
  ResidentGraph::EdgePosition position_;
  bool is_counted_ = false;
};

}  // namespace gearshift
