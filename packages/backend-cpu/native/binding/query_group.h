#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

#include "core/floating_point_mode.h"
#include "core/query.h"
#include "core/query_codes.h"
#include "core/scan.h"
#include "dispatch/kernel_table.h"

namespace gearshift::binding {

/**
 * Queries that go over the rows together: a block of rows is read from memory once and used for all of them. 32 queries of
 * 768 dimensions fit into a second-level cache besides the block.
 */
constexpr size_t kQueryGroup = kMostQueriesTogether;
/** The same for a ranking from codes. */
constexpr size_t kCodedQueryGroup = kMostCodedQueriesTogether;

/** Prepared copies of several queries. Keeps its memory, so that the next request of a like size allocates nothing. */
class QueryGroup {
 public:
  /** False: out of memory. */
  bool prepare(const KernelTable& kernels, const float* queries, size_t count, size_t dimensions) noexcept {
    if (count > capacity_) {
      queries_.reset(new (std::nothrow) PreparedQuery[count]);
      capacity_ = queries_ == nullptr ? 0 : count;
      if (queries_ == nullptr) return false;
    }
    count_ = count;
    const FlushSubnormals flush;
    for (size_t i = 0; i < count; ++i) {
      if (!queries_[i].prepare(kernels, queries + i * dimensions, dimensions)) return false;
    }
    return true;
  }

  /** Of those that are prepared. */
  void keep_first(size_t count) noexcept { count_ = count; }

  size_t count() const noexcept { return count_; }
  const PreparedQuery* all() const noexcept { return queries_.get(); }
  const PreparedQuery& operator[](size_t index) const noexcept { return queries_[index]; }

 private:
  std::unique_ptr<PreparedQuery[]> queries_;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

}  // namespace gearshift::binding
