#include "binding/spread_calls.h"

#include "core/floating_point_mode.h"
#include "core/spread.h"

namespace gearshift::binding {

size_t spread_one_hop(const Execution& execution, const Spread& spread, const float* activations, size_t from,
                      size_t end, float* output) noexcept {
  auto body = [&](size_t begin, size_t stop, unsigned) noexcept {
    const KeepSubnormals keep;  // as the specification: products and sums are double precision, where they are normal
    spread_rows(*spread.kernels, *spread.graph, activations, spread.options, begin, stop, output + (begin - from));
  };
  ItemCost cost = spread_cost(spread.nodes, spread.edges);
  if (spread.graph->tiles() > 1) {
    // A tile of activations is read into the cache once a chunk, and must be used often meanwhile.
    cost.least_chunk_bytes = 4 << 20;
    cost.most_chunk_bytes = 16 << 20;
  }
  return run_in_chunks(execution, *spread.throughput, cost, from, end, body);
}

size_t spread_active_nodes(const Spread& spread, const float* activations, size_t hops, size_t start, size_t end,
                           float* output) noexcept {
  TransposedGraph* const transposed = spread.transposed->get();
  if (transposed == nullptr) {
    if (TransposedGraph::is_sparse(activations, spread.nodes)) spread.transposed->count_hop();
    return 0;
  }
  const KeepSubnormals keep;
  return transposed->spread(activations, spread.options, hops, start, end, output);
}

}  // namespace gearshift::binding
