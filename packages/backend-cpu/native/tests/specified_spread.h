#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "core/graph.h"

namespace gearshift::tests {

/** The specification of a hop without a threshold, src/portable/spread-hops.ts, in C++: for one node of edges in any order. */
inline float specified_spread(const CsrArrays& csr, const float* x, float decay, float retention, size_t node) {
  std::vector<size_t> edges(csr.row_pointers[node + 1] - csr.row_pointers[node]);
  std::iota(edges.begin(), edges.end(), size_t{csr.row_pointers[node]});
  std::stable_sort(edges.begin(), edges.end(), [&](size_t a, size_t b) { return csr.columns[a] < csr.columns[b]; });
  volatile double sum = 0;  // no compiler may fuse or reorder
  for (const size_t edge : edges) {
    const volatile double product = static_cast<double>(csr.weights[edge]) * x[csr.columns[edge]];
    sum = sum + product;
  }
  const volatile double kept = static_cast<double>(retention) * x[node];
  const volatile double received = static_cast<double>(decay) * sum;
  return static_cast<float>(kept + received);
}

}  // namespace gearshift::tests
