#include "binding/certified_group.h"

#include <algorithm>

#include "core/first_limit.h"
#include "core/floating_point_mode.h"
#include "core/row_mask.h"

namespace gearshift::binding {
namespace {

/** With more rows left, looking at the centres takes longer than it saves. */
constexpr double kMostShareOfCentres = 0.5;
/** Of the rows: if the centres leave a query fewer, each of several queries on its own takes less time. */
constexpr double kMostShareOfEach = 1.0 / 16;

}  // namespace

CertifiedGroup::CertifiedGroup(const Scan& scan, const QueryGroup& queries, const uint32_t* mask,
                               TopKWorkspace& workspace) noexcept
    : scan_(scan), queries_(queries), mask_(mask), workspace_(workspace) {
  for (size_t q = 0; q < queries.count(); ++q) reached_[q].start(scan.metric);
}

bool CertifiedGroup::prepare(size_t k, size_t from, size_t end) noexcept {
  if (scan_.matrix.codes->centres() != nullptr) read_share_ = prepare_centres(k, from, end);
  is_together_ = is_several() && read_share_ == 1;
  return !is_together_ || workspace_.batch.prepare(*scan_.kernels, *scan_.matrix.codes, workspace_.code_queries(), queries_.count());
}

ItemCost CertifiedGroup::cost() const noexcept {
  const RowCodes& codes = *scan_.matrix.codes;
  const double of_row = is_together_ ? codes.whole_bytes_of_row() : codes.scanned_bytes_of_row();
  const double of_centres = read_share_ < 1 ? static_cast<double>(RowCentres::kBytesOfRow) : 0;
  return {of_centres + read_share_ * of_row, static_cast<double>(queries_.count()), RowCodes::kBlock, false};
}

bool CertifiedGroup::reset(size_t seat, size_t k) noexcept {
  bool done = true;
  for (size_t q = 0; q < queries_.count(); ++q) done = scan_of(seat, q).reset(k) && done;
  return done;
}

void CertifiedGroup::scan(size_t seat, size_t begin, size_t end) noexcept {
  if (is_together_) {
    for (size_t row = begin; row < end; row += RowCodes::kBlock) scan_block(seat, row, std::min(RowCodes::kBlock, end - row));
    return;
  }
  for (size_t q = 0; q < queries_.count(); ++q) scan_of(seat, q).scan(request_of(q), begin, end, reached_[q], best_of(seat, q));
}

void CertifiedGroup::settle(const Execution& execution, size_t seats) noexcept {
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

void CertifiedGroup::count(size_t seats) noexcept {
  for (size_t seat = 0; seat < seats; ++seat)
    for (size_t q = 0; q < queries_.count(); ++q)
      if (workspace_.used[seat]) workspace_.searched.counts.add(scan_of(seat, q).counts());
}

/**
 * Finds the limits to begin with. A query that the centres exclude few rows for does without them.
 *
 * @return the share of the rows that are left to a query, about, on average; 1 if it is too much for queries one by one
 */
double CertifiedGroup::prepare_centres(size_t k, size_t from, size_t end) noexcept {
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

void CertifiedGroup::scan_block(size_t seat, size_t start, size_t count) noexcept {
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

void CertifiedGroup::settle_query(size_t query, size_t seats) noexcept {
  const FlushSubnormals flush;
  for (size_t seat = 0; seat < seats; ++seat)
    if (workspace_.used[seat]) scan_of(seat, query).settle(request_of(query), reached_[query], best_of(seat, query));
}

CertifiedScan::Request CertifiedGroup::request_of(size_t query) noexcept {
  return {*scan_.kernels,  scan_.metric, scan_.matrix, *scan_.matrix.codes,
          queries_[query], workspace_.code_queries()[query], mask_};
}

}  // namespace gearshift::binding
