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
 * Scores and indices become 64-bit keys whose order is that of the ranking, so that integers are compared and NaN needs no
 * special case. A block of scores is first filtered against the k-th best so far, one vector at a time; survivors gather in
 * a buffer of 4k + 384 keys that is cut back to k with nth_element when full.
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
  uint64_t key_of(float score, uint32_t index) const noexcept;
  float score_of(uint64_t key) const noexcept;
  void append(uint64_t key) noexcept;
  void cut_back() noexcept;

  AlignedMemory memory_;
  uint64_t* keys_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
  size_t k_ = 0;
  Metric metric_ = Metric::cosine;
  bool has_threshold_ = false;  // k numbers were seen: only better ones matter
  uint64_t worst_key_ = 0;      // of the k best, once has_threshold_
  float threshold_ = 0;         // its score
};

}  // namespace gearshift
