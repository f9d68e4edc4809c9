#pragma once

#include <cmath>
#include <cstddef>

#include "core/graph.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/** As the specification does it: in double precision, rounded once. The options and the values are float32. */
inline float activation_after_hop(const SpreadOptions& options, float before, double sum) noexcept {
  const double kept = static_cast<double>(options.retention) * before;
  const auto activation = static_cast<float>(kept + static_cast<double>(options.decay) * sum);
  return std::fabs(activation) < options.threshold ? 0.0f : activation;
}

/**
 * The kernels that may spread over so many nodes: those of the level, unless a column is too large for their gathers, which
 * take it for a signed number of 32 bits.
 */
const KernelTable& spreading_kernels(const KernelTable& kernels, size_t nodes) noexcept;

/**
 * One hop for the receiving nodes [start, end): y[node - start] = retention * x[node] + decay * (A * x)[node], or 0 where
 * that is smaller than `threshold` in magnitude. A node's result does not depend on the range it is asked for in; ranges
 * that begin and end on multiples of ResidentGraph::kWindow do no work twice. `x` has a value per node and is no part of `y`.
 *
 * A graph in tiles needs a working space of 8 bytes a node of the range; without memory for it, the hop takes longer.
 */
void spread_rows(const KernelTable& kernels, const ResidentGraph& graph, const float* x, const SpreadOptions& options,
                 size_t start, size_t end, float* y) noexcept;

}  // namespace gearshift
