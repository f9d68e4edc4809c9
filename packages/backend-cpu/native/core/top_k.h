#pragma once

#include <cstddef>
#include <cstdint>

#include "core/aligned_memory.h"
#include "core/metric.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/**
 * Keeps the k best of the scores it is offered: better score first, NaN after every number, ties by lower index.
 *
 * Scores become 32-bit ranks in the same order as the scores, so that integers are compared and NaN needs no special
 * case. A block of scores is first filtered against a threshold that at least k others have reached, one vector at a time;
 * survivors gather in a buffer of 4k + 384. When it is full, bisection finds a threshold that leaves between k and 2k of
 * them: a few passes of counting, which cost a fraction of a selection even where every score survives because scores
 * ascend. The exact k best are worked out once, at the end.
 */
class TopKSelector {
 public:
  /** Starts over, for k of at least 1. False, and unusable, when there is no memory. */
  bool reset(size_t k, Metric metric) noexcept;

  /** Scores of the rows base, base + 1, ...; at most kBlock, and every base above those offered before. */
  void offer(const KernelTable& kernels, const float* scores, size_t base, size_t count) noexcept;
  /** Scores of rows in any order. */
  void offer_indexed(const float* scores, const uint32_t* indices, size_t count) noexcept;
  /** Everything another selector of the same k and metric kept. */
  void merge(const TopKSelector& other) noexcept;

  /** Writes the best, at most k, best first; returns how many. */
  size_t finish(uint32_t* indices, float* scores) noexcept;

  static constexpr size_t kBlock = 256;

 private:
  void append_block(const float* scores, size_t base, size_t count) noexcept;
  void append(int32_t rank, uint32_t index) noexcept;
  void make_room() noexcept;
  bool cut_by_threshold() noexcept;
  void cut_exactly() noexcept;

  AlignedMemory memory_;
  uint64_t* keys_ = nullptr;  // scratch: rank and index as one number
  int32_t* ranks_ = nullptr;
  uint32_t* indices_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
  size_t k_ = 0;
  Metric metric_ = Metric::cosine;
  bool was_cut_ = false;
  int32_t threshold_rank_ = 0;  // kNoThreshold until k numbers were seen; at least k kept entries have this rank or better
  float threshold_ = 0;         // its score
};

}  // namespace gearshift
