#include "binding/scan_calls.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "binding/certified_group.h"
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
    float* const out = output + (begin - from);
    if (mask == nullptr) {
      score_rows(*scan.kernels, scan.metric, scan.matrix, queries.all(), queries.count(), begin, stop, out, output_stride);
      return;
    }
    for (size_t q = 0; q < queries.count(); ++q)
      score_considered(*scan.kernels, scan.metric, scan.matrix, queries[q], mask, begin, stop, out + q * output_stride);
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

bool TopKWorkspace::prepare_codes(size_t seats, size_t queries) noexcept {
  if (seats * queries > scan_count_) {
    scans.reset(new (std::nothrow) CertifiedScan[seats * queries]);
    scan_count_ = scans == nullptr ? 0 : seats * queries;
  }
  static_assert(sizeof(CodeQuery) % kAlignment == 0, "each begins on a cache line");
  const auto has_room = [](AlignedMemory& memory, size_t bytes) noexcept { return bytes <= memory.bytes() || memory.allocate(bytes); };
  return scans != nullptr && has_room(code_queries_, queries * sizeof(CodeQuery)) &&
         has_room(sums_, seats * queries * RowCodes::kBlock * sizeof(int32_t));
}

void TopKWorkspace::trim(size_t k) noexcept {
  constexpr size_t kMostKeptEntries = 64 * 1024;
  if (selector_count_ == 0 || k <= kMostKeptEntries / selector_count_) return;
  selectors.reset();
  selector_count_ = 0;
  scans.reset();
  scan_count_ = 0;
}

namespace {

/** A search with codes has to find k rows before it can exclude any. */
constexpr size_t kLeastRowsOfBest = 16;
/** Fewer bytes of rows lie in a cache, from where they are read as fast as codes are put to use. */
constexpr size_t kLeastBytesOfRows = 8u << 20;
/** Of what a row takes: codes that take more are hardly read in less time. */
constexpr double kMostShareOfCodes = 0.4;
/** It reads the codes of all rows: of fewer in a mask, reading these alone takes less time. */
constexpr size_t kMostRowsOfMasked = 4;

bool is_worth_codes(const MatrixView& matrix, size_t range, size_t considered, size_t k) noexcept {
  return pays_to_code(range, matrix.stride_bytes(), matrix.dimensions) && k <= considered / kLeastRowsOfBest &&
         considered >= range / kMostRowsOfMasked;
}

}  // namespace

bool pays_to_code(size_t rows, size_t row_bytes, size_t dimensions) noexcept {
  return rows * row_bytes >= kLeastBytesOfRows && dimensions <= kMostCodedDimensions &&
         RowCodes::scanned_bytes_of_row(dimensions) <= kMostShareOfCodes * static_cast<double>(row_bytes);
}

RankingForm ranking_form(const MatrixView& matrix, size_t range, size_t considered, size_t k,
                         size_t query_count) noexcept {
  if (matrix.codes == nullptr || !is_worth_codes(matrix, range, considered, k)) return RankingForm::rows;
  return query_count < kLeastQueriesTogether ? RankingForm::codes : RankingForm::codes_together;
}

namespace {

/** Whether the rows are searched in less time with codes. */
bool is_worth_codes(const MatrixView& matrix, const RowsToRank& rows, size_t k) noexcept {
  const size_t range = rows.end - rows.from;
  if (rows.candidates != nullptr || !pays_to_code(range, matrix.stride_bytes(), matrix.dimensions)) return false;
  return is_worth_codes(matrix, range, rows.mask == nullptr ? range : count_rows(rows.mask, rows.from, rows.end), k);
}

/** Of so many queries of a group one may be without a code: more of them would leave too little to go together. */
constexpr size_t kQueriesOfUncoded = 32;

/** The first queries of a group, and how they are ranked. */
struct FirstQueries {
  size_t count;
  bool is_certified;
};

/** Prepares the search with codes. Queries that have no code, such as one of zeros, do not keep the others from theirs. */
FirstQueries prepare_codes(const Scan& scan, const QueryGroup& queries, QueriesToRank which, const RowsToRank& rows, size_t k,
                           size_t seats, TopKWorkspace& workspace) noexcept {
  const size_t count = queries.count();
  const FirstQueries scanned{which == QueriesToRank::all ? count : std::min(count, kQueryGroup), false};
  if (!is_worth_codes(scan.matrix, rows, k)) return scanned;
  const RowCodes* const codes = scan.matrix.codes;
  if (codes == nullptr) {
    workspace.searched.lacks_codes = true;
    return scanned;
  }
  if (!workspace.prepare_codes(seats, count)) return scanned;
  size_t uncoded = 0;
  size_t alike = 0;  // of the first ones
  bool is_first_coded = true;
  for (size_t q = 0; q < count; ++q) {
    const bool is_coded = codes->prepare(queries[q], &workspace.code_queries()[q]);
    if (q == 0) is_first_coded = is_coded;
    alike += alike == q && is_coded == is_first_coded;
    uncoded += !is_coded;
  }
  if (uncoded == 0) return {count, true};
  if (which == QueriesToRank::all || uncoded > std::max<size_t>(1, count / kQueriesOfUncoded)) return scanned;
  return {is_first_coded ? alike : std::min(alike, kQueryGroup), is_first_coded};
}

/** Adds up what each thread has found, and writes the best. */
void deliver(TopKWorkspace& workspace, size_t seats, size_t count, const RankedOutput& output) noexcept {
  for (size_t q = 0; q < count; ++q) {
    TopKSelector* best = nullptr;
    for (size_t seat = 0; seat < seats; ++seat) {
      if (!workspace.used[seat]) continue;
      TopKSelector& own = workspace.selectors[seat * count + q];
      if (best == nullptr) best = &own;
      else best->merge(own);
    }
    if (best != nullptr) best->finish(output.indices + q * output.stride, output.scores + q * output.stride);
  }
}

}  // namespace

size_t most_ranked_together(const MatrixView& matrix, const RowsToRank& rows, size_t k) noexcept {
  return matrix.codes != nullptr && is_worth_codes(matrix, rows, k) ? kCodedQueryGroup : kQueryGroup;
}

namespace {

/**
 * Ranks the parts of the rows on several threads, each in selectors of its own.
 *
 * @param prepare makes ready what the thread of a seat needs besides. False: out of memory
 * @param rank ranks the rows [begin, stop)
 */
template <typename Prepare, typename Rank>
int64_t rank_in_parts(const Execution& execution, const Scan& scan, const RowsToRank& rows, size_t count, size_t k,
                      const ItemCost& cost, TopKWorkspace& workspace, const Prepare& prepare, const Rank& rank) noexcept {
  // Those of a thread get their memory when it takes part.
  std::atomic<bool> lacks_memory{false};
  auto body = [&](size_t begin, size_t stop, unsigned seat) noexcept {
    TopKSelector* const own = &workspace.selectors[seat * count];
    if (!workspace.used[seat]) {
      bool done = prepare(seat);
      for (size_t q = 0; q < count; ++q) done = own[q].reset(k, scan.metric) && done;
      if (!done) lacks_memory.store(true, std::memory_order_relaxed);
      workspace.used[seat] = true;
    }
    if (lacks_memory.load(std::memory_order_relaxed)) return;
    const FlushSubnormals flush;
    rank(begin, stop, seat, own);
  };
  const size_t position = run_in_chunks(execution, *scan.throughput, cost, rows.from, rows.end, body);
  if (!lacks_memory.load(std::memory_order_relaxed)) return static_cast<int64_t>(position);
  workspace.trim(SIZE_MAX);
  return kit::kOutOfMemory;
}

/** Ranks by the scores of all rows. */
int64_t rank_rows(const Execution& execution, const Scan& scan, const QueryGroup& queries, const RowsToRank& rows, size_t k,
                  TopKWorkspace& workspace) noexcept {
  const size_t count = queries.count();
  const auto rank = [&](size_t begin, size_t stop, unsigned, TopKSelector* own) noexcept {
    if (rows.candidates == nullptr && rows.mask == nullptr) {
      for (size_t q = 0; q < count; q += kQueryGroup) {
        top_k_rows(*scan.kernels, scan.metric, scan.matrix, queries.all() + q, std::min(kQueryGroup, count - q), begin, stop,
                   own + q);
      }
      return;
    }
    for (size_t q = 0; q < count; ++q) {
      if (rows.candidates != nullptr) {
        top_k_candidates(*scan.kernels, scan.metric, scan.matrix, queries[q], rows.candidates + begin, stop - begin,
                         own[q]);
      } else {
        top_k_considered(*scan.kernels, scan.metric, scan.matrix, queries[q], rows.mask, begin, stop, own[q]);
      }
    }
  };
  const ItemCost cost = scan_cost(scan.matrix, count, rows.mask, rows.from, rows.end);
  return rank_in_parts(execution, scan, rows, count, k, cost, workspace, [](unsigned) noexcept { return true; }, rank);
}

/** Ranks by the scores of the rows that their codes cannot exclude. */
int64_t rank_by_codes(const Execution& execution, const Scan& scan, const QueryGroup& queries, const RowsToRank& rows,
                      size_t k, TopKWorkspace& workspace) noexcept {
  CertifiedGroup group(scan, queries, rows.mask, workspace);
  if (!group.prepare(k, rows.from, rows.end)) return kit::kOutOfMemory;
  const int64_t reached = rank_in_parts(
      execution, scan, rows, queries.count(), k, group.cost(), workspace,
      [&](unsigned seat) noexcept { return group.reset(seat, k); },
      [&](size_t begin, size_t stop, unsigned seat, TopKSelector*) noexcept { group.scan(seat, begin, stop); });
  if (reached < 0) return reached;
  group.settle(execution, execution.seats());
  group.count(execution.seats());
  return reached;
}

}  // namespace

int64_t top_k_of_queries(const Execution& execution, const Scan& scan, QueryGroup& queries, QueriesToRank which,
                         const RowsToRank& rows, size_t k, const RankedOutput& output,
                         TopKWorkspace& workspace) noexcept {
  const size_t seats = execution.seats();
  const FirstQueries first = prepare_codes(scan, queries, which, rows, k, seats, workspace);
  queries.keep_first(first.count);
  if (!workspace.prepare(seats, first.count)) return kit::kOutOfMemory;
  const int64_t reached = first.is_certified ? rank_by_codes(execution, scan, queries, rows, k, workspace)
                                             : rank_rows(execution, scan, queries, rows, k, workspace);
  if (reached < 0) return reached;
  deliver(workspace, seats, first.count, output);
  workspace.trim(k);
  return reached;
}

}  // namespace gearshift::binding
