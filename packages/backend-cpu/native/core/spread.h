#pragma once

#include <cstddef>

#include "core/graph.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/**
 * The kernels that may spread over so many nodes: those of the level, unless a column is too large for their gathers, which
 * take it for a signed number of 32 bits.
 */
const KernelTable& spreading_kernels(const KernelTable& kernels, size_t nodes) noexcept;

/**
 * One hop for the receiving nodes [start, end): y[node - start] = retention * x[node] + decay * (A * x)[node], or 0 where
 * that is smaller than `threshold` in magnitude. A node's result does not depend on the range it is asked for in; ranges
 * that begin and end on multiples of ResidentGraph::kWindow do no work twice. `x` has a value per node and is no part of `y`.
 */
void spread_rows(const KernelTable& kernels, const ResidentGraph& graph, const float* x, float decay, float retention,
                 float threshold, size_t start, size_t end, float* y) noexcept;

}  // namespace gearshift
