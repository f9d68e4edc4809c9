#pragma once

#include <cstddef>
#include <cstdint>

#include "binding/query_group.h"
#include "binding/scan_calls.h"
#include "core/certified_top_k.h"
#include "pool/run_in_chunks.h"

namespace gearshift::binding {

/** Fewer queries take less time one after the other, by the upper halves of the codes alone. */
constexpr size_t kLeastQueriesTogether = 4;

/** The queries of a group that search the codes, and what each thread has of them. */
class CertifiedGroup {
 public:
  CertifiedGroup(const Scan& scan, const QueryGroup& queries, const uint32_t* mask, TopKWorkspace& workspace) noexcept;

  /** For searches of the rows [from, end). False: out of memory. */
  bool prepare(size_t k, size_t from, size_t end) noexcept;

  ItemCost cost() const noexcept;

  /** Before the first rows of a thread. False: out of memory. */
  bool reset(size_t seat, size_t k) noexcept;

  void scan(size_t seat, size_t begin, size_t end) noexcept;

  /** Scores what waits, on several threads if there is enough. Neither the end of a slice nor a cancelled call leaves any of it. */
  void settle(const Execution& execution, size_t seats) noexcept;

  /** Adds what was read, at the end. */
  void count(size_t seats) noexcept;

 private:
  bool is_several() const noexcept { return queries_.count() >= kLeastQueriesTogether; }
  CertifiedScan& scan_of(size_t seat, size_t query) noexcept { return workspace_.scans[seat * queries_.count() + query]; }
  TopKSelector& best_of(size_t seat, size_t query) noexcept { return workspace_.selectors[seat * queries_.count() + query]; }
  CertifiedScan::Request request_of(size_t query) noexcept;
  double prepare_centres(size_t k, size_t from, size_t end) noexcept;
  void scan_block(size_t seat, size_t start, size_t count) noexcept;
  void settle_query(size_t query, size_t seats) noexcept;

  const Scan& scan_;
  const QueryGroup& queries_;
  const uint32_t* const mask_;
  TopKWorkspace& workspace_;
  ReachedScore reached_[kCodedQueryGroup];  // by query
  double read_share_ = 1;                   // of the codes
  bool is_together_ = false;
};

}  // namespace gearshift::binding
