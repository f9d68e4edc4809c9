#include "core/graph_builder.h"

#include <algorithm>
#include <new>

namespace gearshift {
namespace {

/** A row with more edges than this gets a slice of its own, unless it has 15 neighbours at least half as long. */
constexpr uint32_t kLongRow = 256;
/** What sorting costs a node, in units of the budget. */
constexpr size_t kSortCost = 8;

uint32_t row_length(const CsrView& csr, size_t node) noexcept {
  return csr.row_pointers[node + 1] - csr.row_pointers[node];
}

void spend(size_t* budget, size_t cost) noexcept { *budget -= std::min(*budget, cost); }

}  // namespace

void GraphBuilder::WindowSlices::enter(const CsrView& csr, size_t window) noexcept {
  const size_t start = window * kWindow;
  count_ = std::min(kWindow, csr.nodes - start);
  next_ = 0;
  for (size_t i = 0; i < count_; ++i) order_[i] = static_cast<uint32_t>(start + i);
  // Ties by node, so that the layout of a graph is always the same.
  std::sort(order_, order_ + count_, [&](uint32_t a, uint32_t b) {
    const uint32_t length_a = row_length(csr, a);
    const uint32_t length_b = row_length(csr, b);
    return length_a != length_b ? length_a > length_b : a < b;
  });
}

bool GraphBuilder::WindowSlices::next(const CsrView& csr, Slice* slice) noexcept {
  if (next_ >= count_) return false;
  const uint32_t length = row_length(csr, order_[next_]);
  const uint32_t shortest = next_ + kLanes <= count_ ? row_length(csr, order_[next_ + kLanes - 1]) : 0;
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
    slice->lengths[lane] = row_length(csr, order_[next_ + lane]);
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
  phase_ = Phase::measure;
  position_ = 0;
  return true;
}

void GraphBuilder::measure(size_t* budget) noexcept {
  for (; position_ < windows() && *budget > 0; ++position_) {
    window_slices_.enter(csr_, position_);
    for (Slice slice; window_slices_.next(csr_, &slice);) {
      ++slice_count_;
      entries_ += size_t{slice.lengths[0]} * kLanes;
    }
    spend(budget, kWindow * kSortCost);
  }
  if (position_ == windows()) phase_ = Phase::allocate;
}

bool GraphBuilder::allocate() noexcept {
  graph_.reset(new (std::nothrow) ResidentGraph);
  if (graph_ == nullptr || !graph_->slices_.allocate(slice_count_ * sizeof(Slice)) ||
      !graph_->window_slices_.allocate((windows() + 1) * sizeof(size_t)) ||
      !graph_->columns_.allocate(entries_ * sizeof(uint32_t)) || !graph_->weights_.allocate(entries_ * sizeof(float))) {
    graph_.reset();
    return false;
  }
  graph_->nodes_ = csr_.nodes;
  graph_->edges_ = csr_.edges;
  phase_ = Phase::enter_window;
  position_ = 0;
  return true;
}

void GraphBuilder::enter_window(size_t* budget) noexcept {
  graph_->window_slices_.as<size_t>()[position_] = next_slice_;
  if (position_ == windows()) {
    phase_ = Phase::ready;
    return;
  }
  window_slices_.enter(csr_, position_);
  spend(budget, kWindow * kSortCost);
  ++position_;
  phase_ = Phase::next_slice;
}

void GraphBuilder::next_slice(size_t* budget) noexcept {
  if (!window_slices_.next(csr_, &slice_)) {
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
    first_edges[lane] = csr_.row_pointers[slice_.nodes[slice_.is_long ? 0 : lane]] + (slice_.is_long ? lane : 0);
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
