#include "binding/scan_calls.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "core/first_limit.h"
#include "core/floating_point_mode.h"
#include "core/row_mask.h"
#include "core/scan.h"
#include "core/top_k.h"
#include "kit/status.h"

namespace gearshift::binding {
namespace {

/** Of the queries of a group. */
class ReachedScores {
 public:
  explicit ReachedScores(Metric metric) noexcept {
    for (ReachedScore& score : scores_) score.start(metric);
  }
  ReachedScore& operator[](size_t query) noexcept { return scores_[query]; }

 private:
  ReachedScore scores_[kCodedQueryGroup];
};

}  // namespace

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
/** Fewer queries take less time one after the other, by the upper halves of the codes alone. */
constexpr size_t kLeastQueriesTogether = 4;

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

/** With more rows left, looking at the centres takes longer than it saves. */
constexpr double kMostShareOfCentres = 0.5;
/** Of the rows: if the centres leave a query fewer, each of several queries on its own takes less time. */
constexpr double kMostShareOfEach = 1.0 / 16;

/** The queries of a group that search the codes, and what each thread has of them. */
class CertifiedGroup {
 public:
  CertifiedGroup(const Scan& scan, const QueryGroup& queries, const uint32_t* mask, TopKWorkspace& workspace) noexcept
      : scan_(scan), queries_(queries), mask_(mask), workspace_(workspace), reached_(scan.metric) {}

  /** For searches of the rows [from, end). False: out of memory. */
  bool prepare(size_t k, size_t from, size_t end) noexcept {
    if (scan_.matrix.codes->centres() != nullptr) read_share_ = prepare_centres(k, from, end);
    is_together_ = is_several() && read_share_ == 1;
    return !is_together_ || workspace_.batch.prepare(*scan_.kernels, *scan_.matrix.codes, workspace_.code_queries(), queries_.count());
  }

  ItemCost cost() const noexcept {
    const RowCodes& codes = *scan_.matrix.codes;
    const double of_row = is_together_ ? codes.whole_bytes_of_row() : codes.scanned_bytes_of_row();
    const double of_centres = read_share_ < 1 ? static_cast<double>(RowCentres::kBytesOfRow) : 0;
    return {of_centres + read_share_ * of_row, static_cast<double>(queries_.count()), RowCodes::kBlock, false};
  }

  bool reset(size_t seat, size_t k) noexcept {
    bool done = true;
    for (size_t q = 0; q < queries_.count(); ++q) done = scan_of(seat, q).reset(k) && done;
    return done;
  }

  void scan(size_t seat, size_t begin, size_t end) noexcept {
    if (is_together_) {
      for (size_t row = begin; row < end; row += RowCodes::kBlock) scan_block(seat, row, std::min(RowCodes::kBlock, end - row));
      return;
    }
    for (size_t q = 0; q < queries_.count(); ++q) scan_of(seat, q).scan(request_of(q), begin, end, reached_[q], best_of(seat, q));
  }

  /** Adds what was read, at the end. */
  void count(size_t seats) noexcept {
    for (size_t seat = 0; seat < seats; ++seat)
      for (size_t q = 0; q < queries_.count(); ++q)
        if (workspace_.used[seat]) workspace_.searched.counts.add(scan_of(seat, q).counts());
  }

  /** Scores what waits, on several threads if there is enough. Neither the end of a slice nor a cancelled call leaves any of it. */
  void settle(const Execution& execution, size_t seats) noexcept {
    constexpr double kNsOfWaitingRow = 40;
    size_t waiting = 0;
    for (size_t seat = 0; seat < seats; ++seat)
      for (size_t q = 0; q < queries_.count(); ++q) waiting += workspace_.used[seat] ? scan_of(seat, q).waiting() : 0;
    struct Context {
      CertifiedGroup* group;
      size_t seats;
    } context{this, seats};
    const ChunkedWork work{[](void* opaque, size_t query, unsigned) noexcept {
                             const auto* c = static_cast<Context*>(opaque);
                             c->group->settle_query(query, c->seats);
                           },
                           &context, queries_.count()};
    const double estimated_ns = kNsOfWaitingRow * static_cast<double>(waiting);
    execution.pool->run(work, {execution.seats(), estimated_ns, 0, nullptr});
  }

 private:
  bool is_several() const noexcept { return queries_.count() >= kLeastQueriesTogether; }
  CertifiedScan& scan_of(size_t seat, size_t query) noexcept { return workspace_.scans[seat * queries_.count() + query]; }
  TopKSelector& best_of(size_t seat, size_t query) noexcept { return workspace_.selectors[seat * queries_.count() + query]; }
  CertifiedScan::Request request_of(size_t query) noexcept {
    return {*scan_.kernels,  scan_.metric, scan_.matrix, *scan_.matrix.codes,
            queries_[query], workspace_.code_queries()[query], mask_};
  }

  /**
   * Finds the limits to begin with. A query that the centres exclude few rows for does without them.
   *
   * @return the share of the rows that are left to a query, about, on average; 1 if it is too much for queries one by one
   */
  double prepare_centres(size_t k, size_t from, size_t end) noexcept {
    const FlushSubnormals flush;
    const RowCentres& centres = *scan_.matrix.codes->centres();
    double shares = 0;
    for (size_t q = 0; q < queries_.count(); ++q) {
      CodeQuery& code = workspace_.code_queries()[q];
      centres.prepare(*scan_.kernels, &code);
      workspace_.searched.counts.rescored += find_first_limit(request_of(q), k, from, end, reached_[q]);
      const double share = share_left(request_of(q), from, end, reached_[q]);
      code.has_centres = share <= kMostShareOfCentres;
      shares += code.has_centres ? share : 1;
      // Ends early, so that queries without use for centres lose little time.
      if (is_several() && shares > kMostShareOfEach * static_cast<double>(queries_.count())) return 1;
    }
    return shares / static_cast<double>(queries_.count());
  }

  void scan_block(size_t seat, size_t start, size_t count) noexcept {
    if (mask_ != nullptr && count_rows(mask_, start, start + count) == 0) return;
    int32_t* const sums = workspace_.sums(seat, queries_.count());
    CertifiedScan::Block block;
    block.start = start;
    block.count = count;
    scan_.matrix.codes->read_whole_fits(start, count, &block.fits);
    scan_.matrix.codes->sum_whole(*scan_.kernels, workspace_.batch, start, count, sums);
    for (size_t q = 0; q < queries_.count(); ++q) {
      scan_of(seat, q).scan_block(request_of(q), block, workspace_.batch.terms(q), sums + q * RowCodes::kBlock, reached_[q],
                                  best_of(seat, q));
    }
  }

  void settle_query(size_t query, size_t seats) noexcept {
    const FlushSubnormals flush;
    for (size_t seat = 0; seat < seats; ++seat)
      if (workspace_.used[seat]) scan_of(seat, query).settle(request_of(query), reached_[query], best_of(seat, query));
  }

  const Scan& scan_;
  const QueryGroup& queries_;
  const uint32_t* const mask_;
  TopKWorkspace& workspace_;
  ReachedScores reached_;
  double read_share_ = 1;  // of the codes
  bool is_together_ = false;
};

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

int64_t top_k_of_queries(const Execution& execution, const Scan& scan, QueryGroup& queries, QueriesToRank which,
                         const RowsToRank& rows, size_t k, const RankedOutput& output,
                         TopKWorkspace& workspace) noexcept {
  const size_t seats = execution.seats();
  const FirstQueries first = prepare_codes(scan, queries, which, rows, k, seats, workspace);
  const size_t count = first.count;
  const bool is_certified = first.is_certified;
  queries.keep_first(count);
  if (!workspace.prepare(seats, count)) return kit::kOutOfMemory;
  CertifiedGroup certified(scan, queries, rows.mask, workspace);
  if (is_certified && !certified.prepare(k, rows.from, rows.end)) return kit::kOutOfMemory;
  // Those of a thread get their memory when it takes part.
  TopKSelector* const selectors = workspace.selectors.get();
  bool* const used = workspace.used.get();
  std::atomic<bool> lacks_memory{false};

  auto body = [&](size_t begin, size_t stop, unsigned seat) noexcept {
    TopKSelector* const own = &selectors[seat * count];
    if (!used[seat]) {
      bool done = !is_certified || certified.reset(seat, k);
      for (size_t q = 0; q < count; ++q) done = own[q].reset(k, scan.metric) && done;
      if (!done) lacks_memory.store(true, std::memory_order_relaxed);
      used[seat] = true;
    }
    if (lacks_memory.load(std::memory_order_relaxed)) return;
    const FlushSubnormals flush;
    if (is_certified) {
      certified.scan(seat, begin, stop);
      return;
    }
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
  const ItemCost cost =
      is_certified ? certified.cost() : scan_cost(scan.matrix, count, rows.mask, rows.from, rows.end);
  const size_t position = run_in_chunks(execution, *scan.throughput, cost, rows.from, rows.end, body);
  if (lacks_memory.load(std::memory_order_relaxed)) {
    workspace.trim(SIZE_MAX);
    return kit::kOutOfMemory;
  }
  if (is_certified) {
    certified.settle(execution, seats);
    certified.count(seats);
  }
  deliver(workspace, seats, count, output);
  workspace.trim(k);
  return static_cast<int64_t>(position);
}

}  // namespace gearshift::binding
