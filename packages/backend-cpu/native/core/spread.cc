#include "core/spread.h"

#include <cmath>

#include "kernels/kernels.h"

namespace gearshift {
namespace {

/** Of a long row, with its edges spread over the lanes. */
float sum_of_lanes(const float* sums) noexcept {
  float total = 0;
  for (size_t lane = 0; lane < ResidentGraph::kLanes; ++lane) total += sums[lane];
  return total;
}

}  // namespace

const KernelTable& spreading_kernels(const KernelTable& kernels, size_t nodes) noexcept {
  constexpr size_t kMostNodes = size_t{1} << 31;
  return nodes <= kMostNodes ? kernels : kPortableKernels;
}

void spread_rows(const KernelTable& kernels, const ResidentGraph& graph, const float* x, float decay, float retention,
                 float threshold, size_t start, size_t end, float* y) noexcept {
  if (start >= end) return;
  constexpr size_t kWindow = ResidentGraph::kWindow;
  constexpr size_t kLanes = ResidentGraph::kLanes;
  const auto slice_sums = spreading_kernels(kernels, graph.nodes()).slice_sums_f32;
  const size_t* const window_slices = graph.window_slices_.as<size_t>();
  const uint32_t* const columns = graph.columns_.as<uint32_t>();
  const float* const weights = graph.weights_.as<float>();

  const auto receive = [&](size_t node, float sum) {
    if (node < start || node >= end) return;
    const float activation = retention * x[node] + decay * sum;
    y[node - start] = std::fabs(activation) < threshold ? 0.0f : activation;
  };

  const size_t first_slice = window_slices[start / kWindow];
  const size_t last_slice = window_slices[(end - 1) / kWindow + 1];
  for (size_t s = first_slice; s < last_slice; ++s) {
    const auto& slice = graph.slices_.as<ResidentGraph::Slice>()[s];
    alignas(kAlignment) float sums[kLanes];
    slice_sums(columns + slice.first_entry, weights + slice.first_entry, slice.lengths, x, sums);
    if (slice.is_long) {
      receive(slice.nodes[0], sum_of_lanes(sums));
      continue;
    }
    for (size_t lane = 0; lane < slice.lane_count; ++lane) receive(slice.nodes[lane], sums[lane]);
  }
}

}  // namespace gearshift
