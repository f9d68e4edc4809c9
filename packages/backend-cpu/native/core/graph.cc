#include "core/graph.h"

#include <algorithm>
#include <new>

namespace gearshift {
namespace {

/** A row with more edges than this is dealt to the lanes of a slice of its own. */
constexpr uint32_t kLongRow = 256;

bool is_valid(const CsrView& csr) noexcept {
  if (csr.row_pointers[0] != 0 || csr.row_pointers[csr.nodes] != csr.edges) return false;
  for (size_t node = 0; node < csr.nodes; ++node)
    if (csr.row_pointers[node + 1] < csr.row_pointers[node]) return false;
  for (size_t edge = 0; edge < csr.edges; ++edge)
    if (csr.columns[edge] >= csr.nodes) return false;
  return true;
}

uint32_t row_length(const CsrView& csr, size_t node) noexcept {
  return csr.row_pointers[node + 1] - csr.row_pointers[node];
}

}  // namespace

/** Calls visit(slice) for the slices of a window in order, with everything but first_entry filled in. */
template <typename Visit>
void ResidentGraph::for_each_slice(const CsrView& csr, size_t window, Visit visit) noexcept {
  uint32_t order[kWindow];
  const size_t start = window * kWindow;
  const size_t count = std::min(kWindow, csr.nodes - start);
  for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(start + i);
  // Ties by node, so that the layout of a graph is always the same.
  std::sort(order, order + count, [&](uint32_t a, uint32_t b) {
    const uint32_t length_a = row_length(csr, a);
    const uint32_t length_b = row_length(csr, b);
    return length_a != length_b ? length_a > length_b : a < b;
  });

  size_t next = 0;
  for (; next < count && row_length(csr, order[next]) > kLongRow; ++next) {
    Slice slice{0, {}, {order[next]}, kLanes, true};
    const uint32_t length = row_length(csr, order[next]);
    for (size_t lane = 0; lane < kLanes; ++lane)
      slice.lengths[lane] = static_cast<uint32_t>((length + kLanes - 1 - lane) / kLanes);
    visit(slice);
  }
  for (; next < count; next += kLanes) {
    Slice slice{0, {}, {}, 0, false};
    slice.lane_count = static_cast<uint8_t>(std::min(kLanes, count - next));
    for (size_t lane = 0; lane < slice.lane_count; ++lane) {
      slice.nodes[lane] = order[next + lane];
      slice.lengths[lane] = row_length(csr, order[next + lane]);
    }
    visit(slice);
  }
}

GraphStatus ResidentGraph::build(const CsrView& csr, std::unique_ptr<ResidentGraph>* graph) noexcept {
  if (!is_valid(csr)) return GraphStatus::invalid;
  const size_t windows = (csr.nodes + kWindow - 1) / kWindow;
  size_t slice_count = 0;
  size_t entries = 0;
  for (size_t window = 0; window < windows; ++window) {
    for_each_slice(csr, window, [&](const Slice& slice) {
      ++slice_count;
      entries += size_t{slice.lengths[0]} * kLanes;
    });
  }

  std::unique_ptr<ResidentGraph> built(new (std::nothrow) ResidentGraph);
  if (built == nullptr || !built->slices_.allocate(slice_count * sizeof(Slice)) ||
      !built->window_slices_.allocate((windows + 1) * sizeof(size_t)) ||
      !built->columns_.allocate(entries * sizeof(uint32_t)) || !built->weights_.allocate(entries * sizeof(float)))
    return GraphStatus::out_of_memory;
  built->nodes_ = csr.nodes;
  built->edges_ = csr.edges;

  Slice* next_slice = built->slices_.as<Slice>();
  size_t* const window_slices = built->window_slices_.as<size_t>();
  uint32_t* const columns = built->columns_.as<uint32_t>();
  float* const weights = built->weights_.as<float>();
  size_t next_entry = 0;
  for (size_t window = 0; window < windows; ++window) {
    window_slices[window] = static_cast<size_t>(next_slice - built->slices_.as<Slice>());
    for_each_slice(csr, window, [&](Slice slice) {
      slice.first_entry = next_entry;
      for (uint32_t step = 0; step < slice.lengths[0]; ++step) {
        for (size_t lane = 0; lane < kLanes; ++lane, ++next_entry) {
          const bool present = step < slice.lengths[lane];
          const size_t first = csr.row_pointers[slice.nodes[slice.is_long ? 0 : lane]];
          const size_t edge = first + (slice.is_long ? size_t{step} * kLanes + lane : step);
          columns[next_entry] = present ? csr.columns[edge] : 0;
          weights[next_entry] = present ? csr.weights[edge] : 0.0f;
        }
      }
      *next_slice++ = slice;
    });
  }
  window_slices[windows] = slice_count;
  *graph = std::move(built);
  return GraphStatus::ok;
}

size_t ResidentGraph::bytes() const noexcept {
  return slices_.bytes() + window_slices_.bytes() + columns_.bytes() + weights_.bytes();
}

}  // namespace gearshift
