#include "binding/scan_calls.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "core/floating_point_mode.h"
#include "core/row_mask.h"
#include "core/scan.h"
#include "core/top_k.h"
#include "kit/status.h"

namespace gearshift::binding {

ItemCost scan_cost(const MatrixView& matrix, size_t query_count, const uint32_t* mask, size_t from,
                   size_t end) noexcept {
  ItemCost cost{static_cast<double>(matrix.stride_bytes()), static_cast<double>(query_count)};
  if (mask == nullptr || from >= end) return cost;
  const double share = static_cast<double>(count_rows(mask, from, end)) / static_cast<double>(end - from);
  // The output of a row that is not considered is written too.
  cost.bytes_per_item = std::max(sizeof(float) * 1.0, share * cost.bytes_per_item);
  cost.grain = kMaskBits;
  cost.is_typical = false;
  return cost;
}

size_t score_rows_of_queries(const Execution& execution, const Scan& scan, const QueryGroup& queries,
                             const uint32_t* mask, size_t from, size_t end, float* output,
                             size_t output_stride) noexcept {
  auto body = [&](size_t begin, size_t stop, unsigned) noexcept {
    const FlushSubnormals flush;
    for (size_t q = 0; q < queries.count(); ++q) {
      float* const out = output + q * output_stride + (begin - from);
      if (mask == nullptr) score_rows(*scan.kernels, scan.metric, scan.matrix, queries[q], begin, stop, out);
      else score_considered(*scan.kernels, scan.metric, scan.matrix, queries[q], mask, begin, stop, out);
    }
  };
  return run_in_chunks(execution, *scan.throughput, scan_cost(scan.matrix, queries.count(), mask, from, end), from, end,
                       body);
}

bool TopKWorkspace::prepare(size_t seats, size_t queries) noexcept {
  if (seats * queries > selector_count_) {
    selectors.reset(new (std::nothrow) TopKSelector[seats * queries]);
    selector_count_ = selectors == nullptr ? 0 : seats * queries;
  }
  if (seats > seat_count_) {
    used.reset(new (std::nothrow) bool[seats]);
    seat_count_ = used == nullptr ? 0 : seats;
  }
  if (selectors == nullptr || used == nullptr) return false;
  std::fill_n(used.get(), seats, false);
  return true;
}

void TopKWorkspace::trim(size_t k) noexcept {
  constexpr size_t kMostKeptEntries = 64 * 1024;
  if (selector_count_ == 0 || k <= kMostKeptEntries / selector_count_) return;
  selectors.reset();
  selector_count_ = 0;
}

int64_t top_k_of_queries(const Execution& execution, const Scan& scan, const QueryGroup& queries,
                         const RowsToRank& rows, size_t k, const RankedOutput& output,
                         TopKWorkspace& workspace) noexcept {
  const size_t count = queries.count();
  const size_t seats = execution.seats();
  if (!workspace.prepare(seats, count)) return kit::kOutOfMemory;
  // Those of a thread get their memory when it takes part.
  TopKSelector* const selectors = workspace.selectors.get();
  bool* const used = workspace.used.get();
  std::atomic<bool> lacks_memory{false};

  auto body = [&](size_t begin, size_t stop, unsigned seat) noexcept {
    TopKSelector* const own = &selectors[seat * count];
    if (!used[seat]) {
      for (size_t q = 0; q < count; ++q) {
        if (!own[q].reset(k, scan.metric)) lacks_memory.store(true, std::memory_order_relaxed);
      }
      used[seat] = true;
    }
    if (lacks_memory.load(std::memory_order_relaxed)) return;
    const FlushSubnormals flush;
    for (size_t q = 0; q < count; ++q) {
      if (rows.candidates != nullptr) {
        top_k_candidates(*scan.kernels, scan.metric, scan.matrix, queries[q], rows.candidates + begin, stop - begin,
                         own[q]);
      } else if (rows.mask != nullptr) {
        top_k_considered(*scan.kernels, scan.metric, scan.matrix, queries[q], rows.mask, begin, stop, own[q]);
      } else {
        top_k_rows(*scan.kernels, scan.metric, scan.matrix, queries[q], begin, stop, own[q]);
      }
    }
  };
  const ItemCost cost = scan_cost(scan.matrix, count, rows.mask, rows.from, rows.end);
  const size_t reached = run_in_chunks(execution, *scan.throughput, cost, rows.from, rows.end, body);
  if (lacks_memory.load(std::memory_order_relaxed)) {
    workspace.trim(SIZE_MAX);
    return kit::kOutOfMemory;
  }

  for (size_t q = 0; q < count; ++q) {
    TopKSelector* best = nullptr;
    for (size_t seat = 0; seat < seats; ++seat) {
      if (!used[seat]) continue;
      if (best == nullptr) best = &selectors[seat * count + q];
      else best->merge(selectors[seat * count + q]);
    }
    if (best != nullptr) best->finish(output.indices + q * output.stride, output.scores + q * output.stride);
  }
  workspace.trim(k);
  return static_cast<int64_t>(reached);
}

}  // namespace gearshift::binding
