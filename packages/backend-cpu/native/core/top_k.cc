#include "core/top_k.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace gearshift {
namespace {

constexpr uint32_t kSignBit = 0x8000'0000u;

/** Rank 0 is NaN; the others ascend with the number. Both zeros are one number. */
uint32_t ascending_rank(float score) noexcept {
  if (score != score) return 0;
  const float one_zero = score + 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &one_zero, sizeof bits);
  return bits & kSignBit ? ~bits : bits | kSignBit;
}

float score_of_rank(uint32_t rank) noexcept {
  const uint32_t bits = rank == 0 ? 0x7fc0'0000u : (rank & kSignBit ? rank & ~kSignBit : ~rank);
  float score;
  std::memcpy(&score, &bits, sizeof score);
  return score;
}

}  // namespace

uint64_t TopKSelector::key_of(float score, uint32_t index) const noexcept {
  // A distance is better when smaller; its negative ranks like a similarity.
  const uint32_t rank = ascending_rank(metric_ == Metric::euclidean ? -score : score);
  return static_cast<uint64_t>(rank) << 32 | static_cast<uint32_t>(~index);
}

float TopKSelector::score_of(uint64_t key) const noexcept {
  const float score = score_of_rank(static_cast<uint32_t>(key >> 32));
  return metric_ == Metric::euclidean ? 0.0f - score : score;
}

bool TopKSelector::reset(size_t k, Metric metric) noexcept {
  size_t bytes = 0;
  const bool fits = k <= (SIZE_MAX - 2 * kBlock) / 4 && multiply(4 * k + 384, sizeof(uint64_t), &bytes);
  if (!fits || (memory_.bytes() < bytes && !memory_.allocate(bytes))) return false;
  keys_ = memory_.as<uint64_t>();
  capacity_ = 4 * k + 384;
  count_ = 0;
  k_ = k;
  metric_ = metric;
  has_threshold_ = false;
  return true;
}

void TopKSelector::append(uint64_t key) noexcept {
  if (count_ == capacity_) cut_back();
  keys_[count_++] = key;
}

void TopKSelector::cut_back() noexcept {
  if (count_ < k_) return;
  std::nth_element(keys_, keys_ + (k_ - 1), keys_ + count_, std::greater<uint64_t>());
  count_ = k_;
  worst_key_ = keys_[k_ - 1];
  has_threshold_ = worst_key_ >> 32 != 0;
  threshold_ = score_of(worst_key_);
}

void TopKSelector::offer(const KernelTable& kernels, const float* scores, size_t base, size_t count) noexcept {
  // So that a first threshold comes with the first block and not when the buffer is full.
  if (!has_threshold_ && count_ >= k_) cut_back();
  if (!has_threshold_) {
    for (size_t i = 0; i < count; ++i) append(key_of(scores[i], static_cast<uint32_t>(base + i)));
    return;
  }
  uint32_t survivors[kBlock + 16];
  const auto filter = metric_ == Metric::euclidean ? kernels.below_f32 : kernels.above_f32;
  // Equal scores have a higher index here than those kept, so strictly better is right.
  const size_t found = filter(scores, count, threshold_, survivors);
  if (found == 0) return;
  if (count_ + found > capacity_) cut_back();
  for (size_t i = 0; i < found; ++i)
    keys_[count_++] = key_of(scores[survivors[i]], static_cast<uint32_t>(base + survivors[i]));
}

void TopKSelector::offer_indexed(const float* scores, const uint32_t* indices, size_t count) noexcept {
  for (size_t i = 0; i < count; ++i) {
    const uint64_t key = key_of(scores[i], indices[i]);
    if (!has_threshold_ || key > worst_key_) append(key);
  }
}

void TopKSelector::merge(const TopKSelector& other) noexcept {
  for (size_t i = 0; i < other.count_; ++i) append(other.keys_[i]);
}

size_t TopKSelector::finish(uint32_t* indices, float* scores) noexcept {
  cut_back();
  std::sort(keys_, keys_ + count_, std::greater<uint64_t>());
  for (size_t i = 0; i < count_; ++i) {
    indices[i] = ~static_cast<uint32_t>(keys_[i]);
    scores[i] = score_of(keys_[i]);
  }
  return count_;
}

}  // namespace gearshift
