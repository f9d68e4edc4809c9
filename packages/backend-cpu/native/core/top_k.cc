#include "core/top_k.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace gearshift {
namespace {

/** The rank of NaN: below that of every number. */
constexpr int32_t kNanRank = INT32_MIN;
constexpr int32_t kNoThreshold = kNanRank;
/** Of minus infinity; below it there are only NaN and ranks that no score has. */
constexpr int32_t kLeastNumberRank = -0x7f80'0001;
constexpr uint32_t kQuietNan = 0x7fc0'0000u;

/** Ascends with the number; both zeros are one number. A distance is better when smaller: its negative is ranked. */
inline int32_t rank_of(float score, bool smaller_is_better) noexcept {
  const float one_zero = (smaller_is_better ? -score : score) + 0.0f;
  int32_t bits;
  std::memcpy(&bits, &one_zero, sizeof bits);
  const int32_t ascending = bits ^ ((bits >> 31) & INT32_MAX);
  return score != score ? kNanRank : ascending;
}

float score_of(int32_t rank, bool smaller_is_better) noexcept {
  const uint32_t bits = rank == kNanRank ? kQuietNan : static_cast<uint32_t>(rank ^ ((rank >> 31) & INT32_MAX));
  float score;
  std::memcpy(&score, &bits, sizeof score);
  return smaller_is_better ? 0.0f - score : score;
}

/** Larger for the better entry. */
inline uint64_t key_of(int32_t rank, uint32_t index) noexcept {
  const uint32_t from_zero = static_cast<uint32_t>(rank) ^ 0x8000'0000u;
  return static_cast<uint64_t>(from_zero) << 32 | static_cast<uint32_t>(~index);
}

inline int32_t rank_of_key(uint64_t key) noexcept { return static_cast<int32_t>((key >> 32) ^ 0x8000'0000u); }

/** In groups of 16, which compilers turn into vectors without a loop of their own. */
size_t count_at_least(const int32_t* ranks, size_t count, int32_t rank) noexcept {
  constexpr size_t kGroup = 16;
  uint32_t found[kGroup] = {};
  size_t i = 0;
  for (; i + kGroup <= count; i += kGroup)
    for (size_t lane = 0; lane < kGroup; ++lane) found[lane] += ranks[i + lane] >= rank;
  size_t total = 0;
  for (; i < count; ++i) total += ranks[i] >= rank;
  for (const uint32_t of_lane : found) total += of_lane;
  return total;
}

/** A plain loop: std::max_element follows a pointer and stays scalar. */
int32_t largest(const int32_t* ranks, size_t count) noexcept {
  int32_t most = kNanRank;
  for (size_t i = 0; i < count; ++i) most = ranks[i] > most ? ranks[i] : most;
  return most;
}

/** Moves the entries of this rank or better to the front, in order; returns how many. */
size_t keep_at_least(int32_t* ranks, uint32_t* indices, size_t count, int32_t rank) noexcept {
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    // Without a branch, which the processor could not predict; from a copy, so that no load waits for the store.
    const int32_t entry_rank = ranks[i];
    ranks[kept] = entry_rank;
    indices[kept] = indices[i];
    kept += entry_rank >= rank;
  }
  return kept;
}

}  // namespace

bool TopKSelector::reset(size_t k, Metric metric) noexcept {
  constexpr size_t kEntryBytes = sizeof(uint64_t) + sizeof(int32_t) + sizeof(uint32_t);
  if (k > UINT32_MAX) return false;
  const size_t capacity = 4 * k + 384;
  size_t bytes = 0;
  if (!multiply(capacity, kEntryBytes, &bytes)) return false;
  if (memory_.bytes() < bytes && !memory_.allocate(bytes)) return false;
  keys_ = memory_.as<uint64_t>();
  ranks_ = reinterpret_cast<int32_t*>(keys_ + capacity);
  indices_ = reinterpret_cast<uint32_t*>(ranks_ + capacity);
  capacity_ = capacity;
  count_ = 0;
  k_ = k;
  metric_ = metric;
  was_cut_ = false;
  threshold_rank_ = kNoThreshold;
  return true;
}

void TopKSelector::offer(const KernelTable& kernels, const float* scores, size_t base, size_t count) noexcept {
  // So that the first threshold comes with the first block and not when the buffer is full. Once: as long as NaN is among
  // the k best there is no threshold, and each cut would go through all of them for the sake of one block.
  if (!was_cut_ && count_ >= k_) make_room();
  if (threshold_rank_ == kNoThreshold) {
    append_block(scores, base, count);
    return;
  }
  uint32_t survivors[kBlock + 16];
  const bool smaller_is_better = metric_ == Metric::euclidean;
  const auto filter = smaller_is_better ? kernels.below_f32 : kernels.above_f32;
  // Equal scores have a higher index here than those kept, so strictly better is right.
  const size_t found = filter(scores, count, threshold_, survivors);
  if (found == 0) return;
  if (found == count) {
    append_block(scores, base, count);
    return;
  }
  if (count_ + found > capacity_) make_room();
  for (size_t i = 0; i < found; ++i) {
    ranks_[count_] = rank_of(scores[survivors[i]], smaller_is_better);
    indices_[count_++] = static_cast<uint32_t>(base + survivors[i]);
  }
}

void TopKSelector::offer_indexed(const float* scores, const uint32_t* indices, size_t count) noexcept {
  const bool smaller_is_better = metric_ == Metric::euclidean;
  for (size_t i = 0; i < count; ++i) {
    const int32_t rank = rank_of(scores[i], smaller_is_better);
    if (rank >= threshold_rank_) append(rank, indices[i]);
  }
}

void TopKSelector::merge(const TopKSelector& other) noexcept {
  for (size_t i = 0; i < other.count_; ++i) append(other.ranks_[i], other.indices_[i]);
}

size_t TopKSelector::finish(uint32_t* indices, float* scores) noexcept {
  for (size_t i = 0; i < count_; ++i) keys_[i] = key_of(ranks_[i], indices_[i]);
  const size_t kept = std::min(k_, count_);
  std::partial_sort(keys_, keys_ + kept, keys_ + count_, std::greater<uint64_t>());
  for (size_t i = 0; i < kept; ++i) {
    indices[i] = ~static_cast<uint32_t>(keys_[i]);
    scores[i] = score_of(rank_of_key(keys_[i]), metric_ == Metric::euclidean);
  }
  return kept;
}

void TopKSelector::append_block(const float* scores, size_t base, size_t count) noexcept {
  if (count_ + count > capacity_) make_room();
  const bool smaller_is_better = metric_ == Metric::euclidean;
  int32_t* const ranks = ranks_ + count_;
  uint32_t* const indices = indices_ + count_;
  for (size_t i = 0; i < count; ++i) {
    ranks[i] = rank_of(scores[i], smaller_is_better);
    indices[i] = static_cast<uint32_t>(base + i);
  }
  count_ += count;
}

void TopKSelector::append(int32_t rank, uint32_t index) noexcept {
  if (count_ == capacity_) make_room();
  ranks_[count_] = rank;
  indices_[count_++] = index;
}

/** Leaves at most 2k entries. */
void TopKSelector::make_room() noexcept {
  was_cut_ = true;
  if (!cut_by_threshold()) cut_exactly();
}

/** False where no threshold leaves between k and 2k: too many are equal, or too few are numbers. */
bool TopKSelector::cut_by_threshold() noexcept {
  int64_t reached = std::max(threshold_rank_, kLeastNumberRank);
  int64_t missed = int64_t{largest(ranks_, count_)} + 1;
  size_t at_least = count_at_least(ranks_, count_, static_cast<int32_t>(reached));
  if (at_least < k_) return false;
  while (at_least > 2 * k_ && missed - reached > 1) {
    const int64_t middle = reached + (missed - reached) / 2;
    const size_t found = count_at_least(ranks_, count_, static_cast<int32_t>(middle));
    if (found < k_) {
      missed = middle;
    } else {
      reached = middle;
      at_least = found;
    }
  }
  if (at_least > 2 * k_) return false;
  threshold_rank_ = static_cast<int32_t>(reached);
  threshold_ = score_of(threshold_rank_, metric_ == Metric::euclidean);
  count_ = keep_at_least(ranks_, indices_, count_, threshold_rank_);
  return true;
}

void TopKSelector::cut_exactly() noexcept {
  if (count_ <= k_) return;
  for (size_t i = 0; i < count_; ++i) keys_[i] = key_of(ranks_[i], indices_[i]);
  std::nth_element(keys_, keys_ + (k_ - 1), keys_ + count_, std::greater<uint64_t>());
  count_ = k_;
  for (size_t i = 0; i < count_; ++i) {
    ranks_[i] = rank_of_key(keys_[i]);
    indices_[i] = ~static_cast<uint32_t>(keys_[i]);
  }
  threshold_rank_ = ranks_[k_ - 1];
  if (threshold_rank_ != kNanRank) threshold_ = score_of(threshold_rank_, metric_ == Metric::euclidean);
}

}  // namespace gearshift
