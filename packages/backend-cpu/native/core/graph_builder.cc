#include "core/graph_builder.h"

#include <algorithm>
#include <new>
#include <utility>

#include "dispatch/cpu_features.h"

namespace gearshift {
namespace {

/** A row with more edges than this gets a slice of its own, unless it has 15 neighbours at least half as long. */
constexpr uint32_t kLongRow = 256;
/** What sorting costs a node, in units of the budget. */
constexpr size_t kSortCost = 8;

/** Activations of 1 MiB leave room for the rest in the second-level cache. */
constexpr size_t kTileNodes = size_t{1} << 18;
/** A node needs so many edges from a tile on average to make up for reading and writing its sum. */
constexpr size_t kEdgesPerTile = 3;

size_t tiles_for(size_t nodes, size_t edges) noexcept {
  if (nodes <= 2 * kTileNodes || !has_slow_shared_cache()) return 1;
  return std::max<size_t>(1, std::min((nodes + kTileNodes - 1) / kTileNodes, edges / nodes / kEdgesPerTile));
}

void spend(size_t* budget, size_t cost) noexcept { *budget -= std::min(*budget, cost); }

}  // namespace

void GraphBuilder::WindowSlices::enter(const CsrArrays& csr, size_t window, size_t tile_end, uint32_t* next_edges) noexcept {
  const size_t start = window * kWindow;
  first_node_ = static_cast<uint32_t>(start);
  count_ = std::min(kWindow, csr.nodes - start);
  next_ = 0;
  for (size_t i = 0; i < count_; ++i) {
    uint32_t first = csr.row_pointers[start + i];
    uint32_t last = csr.row_pointers[start + i + 1];
    if (next_edges != nullptr) {
      const uint32_t row_end = last;
      for (first = last = next_edges[start + i]; last < row_end && csr.columns[last] < tile_end; ++last) {
      }
      next_edges[start + i] = last;
    }
    first_edges_[i] = first;
    lengths_[i] = last - first;
  }
  sort_by_length();
  if (next_edges == nullptr) return;
  while (count_ > 0 && length_at(count_ - 1) == 0) --count_;
}

void GraphBuilder::WindowSlices::sort_by_length() noexcept {
  // The places of the lengths below kCounted are counted; the few longer rows come first, and are compared.
  constexpr uint32_t kCounted = 256;
  size_t places[kCounted + 1] = {};  // places[l]: of the next row of length l; the last: of a longer one
  for (size_t i = 0; i < count_; ++i) ++places[std::min(lengths_[i], kCounted)];
  const size_t longer = places[kCounted];
  size_t place = 0;
  for (size_t length = kCounted + 1; length-- > 0;) place += std::exchange(places[length], place);
  // Ties by node, so that the layout of a graph is always the same.
  for (size_t i = 0; i < count_; ++i) order_[places[std::min(lengths_[i], kCounted)]++] = first_node_ + static_cast<uint32_t>(i);
  std::sort(order_, order_ + longer, [&](uint32_t a, uint32_t b) {
    const uint32_t length_a = lengths_[a % kWindow];
    const uint32_t length_b = lengths_[b % kWindow];
    return length_a != length_b ? length_a > length_b : a < b;
  });
}

bool GraphBuilder::WindowSlices::next(Slice* slice) noexcept {
  if (next_ >= count_) return false;
  const uint32_t length = length_at(next_);
  const uint32_t shortest = next_ + kLanes <= count_ ? length_at(next_ + kLanes - 1) : 0;
  if (length > kLongRow && shortest < length / 2) {
    *slice = {0, {}, {order_[next_]}, kLanes, true};
    for (size_t lane = 0; lane < kLanes; ++lane)
      slice->lengths[lane] = static_cast<uint32_t>((size_t{length} + kLanes - 1 - lane) / kLanes);
    ++next_;
    return true;
  }
  *slice = {0, {}, {}, static_cast<uint8_t>(std::min(kLanes, count_ - next_)), false};
  for (size_t lane = 0; lane < slice->lane_count; ++lane) {
    slice->nodes[lane] = order_[next_ + lane];
    slice->lengths[lane] = length_at(next_ + lane);
  }
  next_ += kLanes;
  return true;
}

BuildProgress GraphBuilder::advance(size_t budget) noexcept {
  while (budget > 0) {
    switch (phase_) {
      case Phase::check_rows:
        if (!check_rows(&budget)) return BuildProgress::invalid;
        break;
      case Phase::check_columns:
        if (!check_columns(&budget)) return BuildProgress::invalid;
        break;
      case Phase::find_unsorted_row:
        if (!find_unsorted_row(&budget)) return BuildProgress::out_of_memory;
        break;
      case Phase::sort_row:
        sort_row(&budget);
        break;
      case Phase::measure:
        measure(&budget);
        break;
      case Phase::allocate:
        if (!allocate()) return BuildProgress::out_of_memory;
        break;
      case Phase::enter_window:
        enter_window(&budget);
        break;
      case Phase::next_slice:
        next_slice(&budget);
        break;
      case Phase::fill_slice:
        fill_slice(&budget);
        break;
      case Phase::ready:
        return BuildProgress::ready;
    }
  }
  return phase_ == Phase::ready ? BuildProgress::ready : BuildProgress::more;
}

bool GraphBuilder::check_rows(size_t* budget) noexcept {
  constexpr size_t kMostNodes = size_t{1} << 32;  // slices name nodes by 32 bits, as columns do
  if (csr_.nodes > kMostNodes || csr_.row_pointers[0] != 0 || csr_.row_pointers[csr_.nodes] != csr_.edges) return false;
  const size_t stop = position_ + std::min(*budget, csr_.nodes - position_);
  spend(budget, stop - position_);
  for (; position_ < stop; ++position_)
    if (csr_.row_pointers[position_ + 1] < csr_.row_pointers[position_]) return false;
  if (position_ < csr_.nodes) return true;
  phase_ = Phase::check_columns;
  position_ = 0;
  return true;
}

bool GraphBuilder::check_columns(size_t* budget) noexcept {
  const size_t stop = position_ + std::min(*budget, csr_.edges - position_);
  spend(budget, stop - position_);
  for (; position_ < stop; ++position_)
    if (csr_.columns[position_] >= csr_.nodes) return false;
  if (position_ < csr_.edges) return true;
  phase_ = Phase::find_unsorted_row;
  position_ = 0;
  return true;
}

bool GraphBuilder::find_unsorted_row(size_t* budget) noexcept {
  for (; position_ < csr_.nodes && *budget > 0; ++position_) {
    const uint32_t* const first = csr_.columns + csr_.row_pointers[position_];
    const uint32_t* const last = csr_.columns + csr_.row_pointers[position_ + 1];
    spend(budget, 1 + static_cast<size_t>(last - first));
    if (std::is_sorted(first, last)) continue;
    const size_t edge = csr_.row_pointers[position_++];
    if (!sorter_.enter(csr_.columns + edge, csr_.weights + edge, static_cast<size_t>(last - first))) return false;
    phase_ = Phase::sort_row;
    return true;
  }
  if (position_ < csr_.nodes) return true;
  sorter_ = RowSorter();
  choose_tiles();
  if (tiles_ > 1 && !next_edges_.allocate(csr_.nodes * sizeof(uint32_t))) return false;
  begin_places();
  phase_ = Phase::measure;
  return true;
}

void GraphBuilder::sort_row(size_t* budget) noexcept {
  if (sorter_.advance(budget)) phase_ = Phase::find_unsorted_row;
}

void GraphBuilder::choose_tiles() noexcept {
  if (tile_nodes_ == 0) {
    const size_t tiles = tiles_for(csr_.nodes, csr_.edges);
    tile_nodes_ = std::max<size_t>(1, (csr_.nodes + tiles - 1) / tiles);
  }
  tiles_ = std::max<size_t>(1, (csr_.nodes + tile_nodes_ - 1) / tile_nodes_);
}

void GraphBuilder::begin_places() noexcept {
  position_ = 0;
  if (tiles_ > 1) std::copy(csr_.row_pointers, csr_.row_pointers + csr_.nodes, next_edges_.as<uint32_t>());
}

void GraphBuilder::enter_place(size_t place) noexcept {
  const size_t tile_end = (place / windows() + 1) * tile_nodes_;
  window_slices_.enter(csr_, place % windows(), tile_end, next_edges_.as<uint32_t>());
}

void GraphBuilder::measure(size_t* budget) noexcept {
  const size_t places = windows() * tiles_;
  for (; position_ < places && *budget > 0; ++position_) {
    enter_place(position_);
    for (Slice slice; window_slices_.next(&slice);) {
      ++slice_count_;
      entries_ += size_t{slice.lengths[0]} * kLanes;
    }
    spend(budget, kWindow * kSortCost);
  }
  if (position_ == places) phase_ = Phase::allocate;
}

bool GraphBuilder::allocate() noexcept {
  graph_.reset(new (std::nothrow) ResidentGraph);
  if (graph_ == nullptr || !graph_->slices_.allocate(slice_count_ * sizeof(Slice)) ||
      !graph_->window_slices_.allocate((windows() * tiles_ + 1) * sizeof(size_t)) ||
      !graph_->columns_.allocate(entries_ * sizeof(uint32_t)) || !graph_->weights_.allocate(entries_ * sizeof(float))) {
    graph_.reset();
    return false;
  }
  graph_->nodes_ = csr_.nodes;
  graph_->edges_ = csr_.edges;
  graph_->tiles_ = tiles_;
  phase_ = Phase::enter_window;
  begin_places();
  return true;
}

void GraphBuilder::enter_window(size_t* budget) noexcept {
  graph_->window_slices_.as<size_t>()[position_] = next_slice_;
  if (position_ == windows() * tiles_) {
    phase_ = Phase::ready;
    return;
  }
  enter_place(position_);
  spend(budget, kWindow * kSortCost);
  ++position_;
  phase_ = Phase::next_slice;
}

void GraphBuilder::next_slice(size_t* budget) noexcept {
  if (!window_slices_.next(&slice_)) {
    phase_ = Phase::enter_window;
    return;
  }
  slice_.first_entry = next_entry_;
  graph_->slices_.as<Slice>()[next_slice_++] = slice_;
  spend(budget, kLanes);
  step_ = 0;
  phase_ = Phase::fill_slice;
}

void GraphBuilder::fill_slice(size_t* budget) noexcept {
  uint32_t* const columns = graph_->columns_.as<uint32_t>();
  float* const weights = graph_->weights_.as<float>();
  size_t first_edges[kLanes];
  for (size_t lane = 0; lane < kLanes; ++lane)
    first_edges[lane] = window_slices_.first_edge(slice_.nodes[slice_.is_long ? 0 : lane]) + (slice_.is_long ? lane : 0);
  const size_t stride = slice_.is_long ? kLanes : 1;
  const size_t stop = step_ + std::min<size_t>(*budget / kLanes + 1, slice_.lengths[0] - step_);
  spend(budget, (stop - step_) * kLanes);
  for (; step_ < stop; ++step_) {
    for (size_t lane = 0; lane < kLanes; ++lane, ++next_entry_) {
      const bool present = step_ < slice_.lengths[lane];
      const size_t edge = first_edges[lane] + step_ * stride;
      columns[next_entry_] = present ? csr_.columns[edge] : 0;
      weights[next_entry_] = present ? csr_.weights[edge] : 0.0f;
    }
  }
  if (step_ == slice_.lengths[0]) phase_ = Phase::next_slice;
}

}  // namespace gearshift
