#pragma once

#include <algorithm>
#include <cstddef>

#include "kit/owned_array.h"

namespace gearshift::binding {

/** The rows of a matrix that are still to be filled, as ascending ranges. Work on them is counted by position. */
class MissingRows {
 public:
  struct Range {
    size_t start;
    size_t end;
    size_t position;   // of its first row
    bool keeps_codes;  // the rows lack their norms alone
  };

  bool set_all(size_t rows) noexcept {
    clear();
    return add(0, rows);
  }

  void clear() noexcept {
    ranges_.reset();
    count_ = 0;
  }

  /** False when there is no memory. */
  bool add(size_t start, size_t end, bool keeps_codes = false) noexcept {
    if (!ranges_.push({start, end, count_, keeps_codes})) return false;
    count_ += end - start;
    return true;
  }

  size_t count() const noexcept { return count_; }

  /** Calls visit(start, end, keeps_codes) for the rows at the positions [from, stop). */
  template <typename Visit>
  void visit(size_t from, size_t stop, const Visit& visit) const noexcept {
    const Range* range = std::upper_bound(ranges_.begin(), ranges_.end(), from,
                                          [](size_t position, const Range& other) { return position < other.position; });
    for (--range; range != ranges_.end() && range->position < stop; ++range) {
      const size_t first = std::max(from, range->position) - range->position;
      const size_t last = std::min(stop - range->position, range->end - range->start);
      if (first < last) visit(range->start + first, range->start + last, range->keeps_codes);
    }
  }

 private:
  kit::OwnedArray<Range> ranges_;
  size_t count_ = 0;
};

}  // namespace gearshift::binding
