#include "core/row_sorter.h"

#include <algorithm>
#include <cstring>

namespace gearshift {
namespace {

void spend(size_t* budget, size_t cost) noexcept { *budget -= std::min(*budget, cost); }

}  // namespace

bool RowSorter::enter(uint32_t* columns, float* weights, size_t length) noexcept {
  columns_ = columns;
  weights_ = weights;
  length_ = length;
  width_ = 0;
  start_ = 0;
  const size_t bytes = length * sizeof(uint32_t);
  if (length <= kRun || left_columns_.bytes() >= bytes) return true;
  return left_columns_.allocate(bytes) && left_weights_.allocate(bytes);
}

bool RowSorter::advance(size_t* budget) noexcept {
  for (; width_ == 0 && *budget > 0; start_ += kRun) {
    if (start_ >= length_) {
      width_ = kRun;
      start_ = copied_ = 0;
      break;
    }
    sort_run(start_, std::min(length_, start_ + kRun));
    spend(budget, kRun);
  }
  while (*budget > 0) {
    if (width_ == 0) return false;
    if (width_ >= length_) return true;
    const size_t middle = start_ + width_;
    if (middle >= length_) {
      width_ *= 2;
      start_ = 0;
      continue;
    }
    merge(middle, std::min(length_, middle + width_), budget);
  }
  return false;
}

void RowSorter::sort_run(size_t start, size_t end) noexcept {
  for (size_t i = start + 1; i < end; ++i) {
    const uint32_t column = columns_[i];
    const float weight = weights_[i];
    size_t at = i;
    for (; at > start && columns_[at - 1] > column; --at) {
      columns_[at] = columns_[at - 1];
      weights_[at] = weights_[at - 1];
    }
    columns_[at] = column;
    weights_[at] = weight;
  }
}

void RowSorter::merge(size_t middle, size_t end, size_t* budget) noexcept {
  uint32_t* const left_columns = left_columns_.as<uint32_t>();
  float* const left_weights = left_weights_.as<float>();
  if (copied_ < width_) {
    const size_t count = std::min(*budget, width_ - copied_);
    std::memcpy(left_columns + copied_, columns_ + start_ + copied_, count * sizeof(uint32_t));
    std::memcpy(left_weights + copied_, weights_ + start_ + copied_, count * sizeof(float));
    spend(budget, count);
    copied_ += count;
    left_ = 0;
    right_ = middle;
    if (copied_ < width_) return;
  }
  const size_t begun = left_ + (right_ - middle);
  const size_t stop = begun + *budget;
  while (left_ < width_ && left_ + (right_ - middle) < stop) {
    const size_t to = start_ + left_ + (right_ - middle);
    if (right_ < end && columns_[right_] < left_columns[left_]) {
      columns_[to] = columns_[right_];
      weights_[to] = weights_[right_++];
    } else {
      columns_[to] = left_columns[left_];
      weights_[to] = left_weights[left_++];
    }
  }
  spend(budget, left_ + (right_ - middle) - begun);
  if (left_ < width_) return;
  start_ = end;
  copied_ = 0;
}

}  // namespace gearshift
