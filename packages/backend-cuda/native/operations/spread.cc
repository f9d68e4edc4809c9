#include <algorithm>

#include "operations/request.h"
#include "operations/transfer.h"

namespace gearshift::cuda {
namespace {

/** One hop for the receiving nodes [first, end), to y[node - first]. */
Outcome launch_rows(Run& run, const Spread& request, CUdeviceptr x, CUdeviceptr y, size_t first_node, size_t end_node) noexcept {
  const DeviceGraph& graph = *request.graph;
  const bool is_short = graph.edges < graph.nodes * kShortRowMeanEdges;
  const unsigned rows_per_block = kSpreadThreads / (is_short ? kShortRowLanes : kWarp);
  const Kernels& kernels = run.device().kernels();
  CUdeviceptr row_pointers = graph.row_pointers.address();
  CUdeviceptr columns = graph.columns.address();
  CUdeviceptr weights = graph.weights.address();
  auto first = static_cast<uint32_t>(first_node);
  auto end = static_cast<uint32_t>(end_node);
  float decay = request.decay;
  float retention = request.retention;
  float threshold = request.threshold;
  void* parameters[] = {&row_pointers, &columns, &weights, &x, &first, &end, &decay, &retention, &threshold, &y};
  const auto blocks = static_cast<unsigned>((end_node - first_node + rows_per_block - 1) / rows_per_block);
  const CUfunction kernel = is_short ? kernels.spread_short_rows_f32 : kernels.spread_rows_f32;
  Outcome outcome = run.lane.launch(kernel, blocks, 1, kSpreadThreads, parameters);
  if (!outcome.ok() || graph.long_row_count == 0) return outcome;
  CUdeviceptr long_rows = graph.long_rows.address();
  void* long_parameters[] = {&long_rows, &row_pointers, &columns,   &weights,   &x, &first,
                             &end,       &decay,        &retention, &threshold, &y};
  return run.lane.launch(kernels.spread_long_rows_f32, static_cast<unsigned>(graph.long_row_count), 1, kSpreadThreads,
                         long_parameters);
}

/** One hop, in launches of some milliseconds. */
Outcome run_hop(Run& run, const Spread& request, CUdeviceptr x, CUdeviceptr y, size_t start, size_t end) noexcept {
  const DeviceGraph& graph = *request.graph;
  const double work_per_node = static_cast<double>(graph.edges) / static_cast<double>(graph.nodes) + 1;
  Lane& lane = run.lane;
  Lane::Slot& slot = lane.slot(0);
  for (size_t first = start, stop = start; first < end; first = stop) {
    if (run.is_cancelled()) return {Failure::cancelled};
    stop = first + std::min(run.device().spread_pace().items_per_launch(work_per_node), end - first);
    slot.is_under_way = true;
    Outcome outcome = lane.record(slot.begun);
    if (outcome.ok()) outcome = launch_rows(run, request, x, y + (first - start) * sizeof(float), first, stop);
    if (outcome.ok()) outcome = lane.record(slot.computed);
    if (outcome.ok()) outcome = lane.record(slot.copied);
    if (outcome.ok()) outcome = lane.wait(slot.copied);
    if (!outcome.ok()) return outcome;
    slot.is_under_way = false;
    const double before_ms = run.phases.kernel_ms;
    outcome = lane.measure(slot, &run.phases);
    if (!outcome.ok()) return outcome;
    run.device().spread_pace().learn(work_per_node * static_cast<double>(stop - first), run.phases.kernel_ms - before_ms);
  }
  return {};
}

}  // namespace

Outcome spread(Run& run, const Spread& request, float* activations) noexcept {
  Lane& lane = run.lane;
  const size_t nodes = request.graph->nodes;
  Outcome outcome = lane.operands.reserve(run.device(), nodes * sizeof(float));
  if (outcome.ok()) outcome = lane.scratch.reserve(run.device(), nodes * sizeof(float));
  if (outcome.ok()) outcome = upload_all(run, lane.operands.address(), request.activations, nodes * sizeof(float));
  CUdeviceptr x = lane.operands.address();
  CUdeviceptr y = lane.scratch.address();
  for (size_t hop = 0; outcome.ok() && hop < request.hops; ++hop) {
    outcome = run_hop(run, request, x, y, request.start, request.end);
    std::swap(x, y);
  }
  if (outcome.ok()) outcome = download_all(run, activations, x, (request.end - request.start) * sizeof(float));
  return outcome;
}

}  // namespace gearshift::cuda
