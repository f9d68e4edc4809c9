#include "core/spread.h"

#include <algorithm>
#include <numeric>

#include "dispatch/cpu_features.h"
#include "kernels/kernels.h"

namespace gearshift {
namespace {

constexpr size_t kWindow = ResidentGraph::kWindow;
constexpr size_t kLanes = ResidentGraph::kLanes;

/**
 * Adds up a long row, in the order of the edges, as in every other row. Each addition waits for the one before. Compared with
 * 16 sums side by side, that takes up to 1.8 times as long if the activations are in the first-level cache, and a third longer if
 * they are in memory. In return the layout of a graph does not change the bits of its results.
 */
double add_long_row(const uint32_t* columns, const float* weights, size_t edges, const float* x, double sum) noexcept {
  for (size_t i = 0; i < edges; ++i) sum += static_cast<double>(weights[i]) * x[columns[i]];
  return sum;
}

auto slice_sums_of(const KernelTable& kernels) noexcept {
  return has_slow_gathers() ? kernels.add_slice_sums_by_loads_f32 : kernels.add_slice_sums_f32;
}

template <class Slice>
size_t edges_of_long_row(const Slice& slice) noexcept {
  return std::accumulate(slice.lengths, slice.lengths + kLanes, size_t{0});
}

}  // namespace

/** The sums of nodes over the tiles of a graph, one tile after the other. */
class TiledSums {
 public:
  TiledSums(const KernelTable& kernels, const ResidentGraph& graph, const float* x) noexcept
      : add_slice_sums_(slice_sums_of(spreading_kernels(kernels, graph.nodes()))), graph_(graph), x_(x) {}

  /** sums[i] of node first_window * kWindow + i, for all nodes of the windows. */
  void sum(size_t first_window, size_t last_window, double* sums) const noexcept {
    std::fill(sums, sums + (last_window - first_window) * kWindow, 0.0);
    const size_t windows = (graph_.nodes() + kWindow - 1) / kWindow;
    const size_t* const window_slices = graph_.window_slices_.as<size_t>();
    double* const sum_of_node_0 = sums - first_window * kWindow;
    for (size_t tile = 0; tile < graph_.tiles(); ++tile) {
      const size_t first = window_slices[tile * windows + first_window];
      const size_t last = window_slices[tile * windows + last_window];
      for (size_t s = first; s < last; ++s) add(graph_.slices_.as<ResidentGraph::Slice>()[s], sum_of_node_0);
    }
  }

 private:
  void add(const ResidentGraph::Slice& slice, double* sums) const noexcept {
    const uint32_t* const columns = graph_.columns_.as<uint32_t>() + slice.first_entry;
    const float* const weights = graph_.weights_.as<float>() + slice.first_entry;
    if (slice.is_long) {
      double& sum = sums[slice.nodes[0]];
      sum = add_long_row(columns, weights, edges_of_long_row(slice), x_, sum);
      return;
    }
    alignas(kAlignment) double lanes[kLanes] = {};
    for (size_t lane = 0; lane < slice.lane_count; ++lane) lanes[lane] = sums[slice.nodes[lane]];
    add_slice_sums_(columns, weights, slice.lengths, x_, lanes);
    for (size_t lane = 0; lane < slice.lane_count; ++lane) sums[slice.nodes[lane]] = lanes[lane];
  }

  void (*const add_slice_sums_)(const uint32_t*, const float*, const uint32_t*, const float*, double*) noexcept;
  const ResidentGraph& graph_;
  const float* const x_;
};

namespace {

void spread_tiles(const KernelTable& kernels, const ResidentGraph& graph, const float* x, const SpreadOptions& options,
                  size_t start, size_t end, float* y) noexcept {
  const TiledSums tiles(kernels, graph, x);
  const size_t first_window = start / kWindow;
  const size_t last_window = (end - 1) / kWindow + 1;
  const auto finish = [&](const double* sums, size_t first_node, size_t from, size_t to) {
    for (size_t node = from; node < to; ++node) y[node - start] = activation_after_hop(options, x[node], sums[node - first_node]);
  };
  AlignedMemory memory;
  if (memory.allocate((last_window - first_window) * kWindow * sizeof(double))) {
    tiles.sum(first_window, last_window, memory.as<double>());
    finish(memory.as<double>(), first_window * kWindow, start, end);
    return;
  }
  alignas(kAlignment) double sums[kWindow];
  for (size_t window = first_window; window < last_window; ++window) {
    tiles.sum(window, window + 1, sums);
    finish(sums, window * kWindow, std::max(start, window * kWindow), std::min(end, (window + 1) * kWindow));
  }
}

}  // namespace

const KernelTable& spreading_kernels(const KernelTable& kernels, size_t nodes) noexcept {
  constexpr size_t kMostNodes = size_t{1} << 31;
  return nodes <= kMostNodes ? kernels : kPortableKernels;
}

void spread_rows(const KernelTable& kernels, const ResidentGraph& graph, const float* x, const SpreadOptions& options,
                 size_t start, size_t end, float* y) noexcept {
  if (start >= end) return;
  if (graph.tiles() > 1) return spread_tiles(kernels, graph, x, options, start, end, y);
  const auto add_slice_sums = slice_sums_of(spreading_kernels(kernels, graph.nodes()));
  const size_t* const window_slices = graph.window_slices_.as<size_t>();
  const uint32_t* const columns = graph.columns_.as<uint32_t>();
  const float* const weights = graph.weights_.as<float>();

  const auto receive = [&](size_t node, double sum) {
    if (node >= start && node < end) y[node - start] = activation_after_hop(options, x[node], sum);
  };

  const size_t first_slice = window_slices[start / kWindow];
  const size_t last_slice = window_slices[(end - 1) / kWindow + 1];
  for (size_t s = first_slice; s < last_slice; ++s) {
    const auto& slice = graph.slices_.as<ResidentGraph::Slice>()[s];
    if (slice.is_long) {
      if (slice.nodes[0] < start || slice.nodes[0] >= end) continue;
      const size_t edges = edges_of_long_row(slice);
      receive(slice.nodes[0], add_long_row(columns + slice.first_entry, weights + slice.first_entry, edges, x, 0));
      continue;
    }
    alignas(kAlignment) double sums[kLanes] = {};
    // Nodes without edges have no place in the arrays.
    if (slice.lengths[0] > 0)
      add_slice_sums(columns + slice.first_entry, weights + slice.first_entry, slice.lengths, x, sums);
    for (size_t lane = 0; lane < slice.lane_count; ++lane) receive(slice.nodes[lane], sums[lane]);
  }
}

}  // namespace gearshift
