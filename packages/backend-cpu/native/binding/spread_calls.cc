#include "binding/spread_calls.h"

#include "core/floating_point_mode.h"
#include "core/spread.h"

namespace gearshift::binding {

size_t spread_one_hop(const Execution& execution, const Spread& spread, const float* activations, size_t from,
                      size_t end, float* output) noexcept {
  auto body = [&](size_t begin, size_t stop, unsigned) noexcept {
    const KeepSubnormals keep;  // as the specification: products and sums are double precision, where they are normal
    spread_rows(*spread.kernels, *spread.graph, activations, spread.decay, spread.retention, spread.threshold, begin,
                stop, output + (begin - from));
  };
  return run_in_chunks(execution, *spread.throughput, spread_cost(spread.nodes, spread.edges), from, end, body);
}

}  // namespace gearshift::binding
