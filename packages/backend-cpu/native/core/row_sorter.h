#pragma once

#include <cstddef>
#include <cstdint>

#include "core/aligned_memory.h"

namespace gearshift {

/**
 * Sorts the edges of a row by their sending node, in place; repeated edges keep their order. A merge sort from the bottom up,
 * because it can stop anywhere: the row of a hub has millions of edges.
 */
class RowSorter {
 public:
  /** False: out of memory. */
  bool enter(uint32_t* columns, float* weights, size_t length) noexcept;
  /** Goes on for about `*budget` edges, and takes what that cost out of the budget. True once the row is sorted. */
  bool advance(size_t* budget) noexcept;

 private:
  static constexpr size_t kRun = 16;

  void sort_run(size_t start, size_t end) noexcept;
  void merge(size_t middle, size_t end, size_t* budget) noexcept;

  uint32_t* columns_ = nullptr;
  float* weights_ = nullptr;
  size_t length_ = 0;

  size_t width_ = 0;   // of the sorted runs; 0: they are being made
  size_t start_ = 0;   // of the run, or of the pair of runs that are merged
  size_t copied_ = 0;  // of the left run, which is merged from the copy
  size_t left_ = 0;
  size_t right_ = 0;
  AlignedMemory left_columns_;
  AlignedMemory left_weights_;
};

}  // namespace gearshift
