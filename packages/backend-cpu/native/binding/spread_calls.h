#pragma once

#include <cstddef>

#include "binding/transposed_form.h"
#include "core/graph.h"
#include "dispatch/kernel_table.h"
#include "pool/run_in_chunks.h"
#include "pool/throughput.h"

namespace gearshift::binding {

struct Spread {
  const KernelTable* kernels;
  Throughput* throughput;
  const ResidentGraph* graph;
  TransposedForm* transposed;
  size_t nodes;
  size_t edges;
  SpreadOptions options;
};

/** The cost of one receiving node to the estimates: its share of the edges, its input and its output. */
inline ItemCost spread_cost(size_t nodes, size_t edges) noexcept {
  constexpr double kBytesPerEdge = 8;
  constexpr double kBytesPerNode = 12;
  return {kBytesPerNode + kBytesPerEdge * static_cast<double>(edges) / static_cast<double>(nodes == 0 ? 1 : nodes), 1,
          ResidentGraph::kWindow};
}

/**
 * Up to `hops` hops in which only the edges of active nodes are read, for all nodes; the result for [start, end) is written to
 * output[node - start]. Counts what it could not do because the graph has no transposed form.
 *
 * @return how many hops were done; 0 when too many nodes are active, and then the output is as before
 */
size_t spread_active_nodes(const Spread& spread, const float* activations, size_t hops, size_t start, size_t end,
                           float* output) noexcept;

/** One hop for the receiving nodes [from, end), written to output[node - from]; the first node that was not reached. */
size_t spread_one_hop(const Execution& execution, const Spread& spread, const float* activations, size_t from,
                      size_t end, float* output) noexcept;

}  // namespace gearshift::binding
