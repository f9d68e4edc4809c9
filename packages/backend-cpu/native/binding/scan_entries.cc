// Synchronous scans. The caller's arrays are read and written in place: no JavaScript runs before the entry returns.
#include <algorithm>

#include "binding/entries.h"
#include "binding/scan_arguments.h"
#include "kit/status.h"
#include "kit/store/pages.h"

namespace gearshift::binding {

namespace {

/** How codes were used, which most calls have nothing to say about. */
void write_searched(TopKWorkspace& workspace, CallBlock& block) noexcept {
  const TopKWorkspace::Searched& searched = workspace.searched;
  const CertifiedCounts& counts = searched.counts;
  block.scalars[kScannedScalar] = searched.lacks_codes ? -1.0 : static_cast<double>(counts.scanned);
  if (counts.scanned == 0) {
    workspace.searched.lacks_codes = false;
    return;
  }
  block.scalars[kExaminedScalar] = static_cast<double>(counts.examined);
  block.scalars[kRescoredScalar] = static_cast<double>(counts.rescored);
  block.scalars[kWholeScalar] = static_cast<double>(counts.whole);
  block.scalars[kPlainScalar] = static_cast<double>(counts.plain);
  workspace.searched = {};
}

}  // namespace

napi_value share_block(Call& call) {
  const ArrayView<uint8_t> block = call.bytes(0);
  if (call.failed()) return nullptr;
  if (block.length < sizeof(CallBlock) || reinterpret_cast<uintptr_t>(block.data) % alignof(CallBlock) != 0 ||
      !call.is_shared(0)) {
    call.fail(ErrorType::range, "block: expected enough aligned bytes of a SharedArrayBuffer");
    return nullptr;
  }
  return call.state().share_block(call.env(), call.raw(0), block.data);
}

napi_value score(Call& call) {
  ScanArguments read;
  read_block_scan(call, 0, 2, 4, read);
  if (call.failed()) return nullptr;
  const ArrayView<float> output = call.floats(1);
  const size_t start = call.count_scalar(kStartScalar);
  const size_t end = call.count_scalar(kEndScalar);
  const size_t from = call.count_scalar(kFromScalar);
  const size_t first_query = call.count_scalar(kFirstQueryScalar);
  const MaskArgument mask = read_mask(call, 3, end);
  if (call.failed()) return nullptr;
  if (read.status < 0) return call.give_integer(read.status);
  if (mask.status < 0) return call.give_integer(mask.status);
  if (start > from || from > end) {
    call.fail(ErrorType::range, "from: expected a row in [start, end]");
    return nullptr;
  }
  if (end > read.scan.matrix.row_count || first_query >= read.query_count) return call.give_integer(kit::kInputGone);
  const size_t rows = end - start;
  if (!has_room(output.length, read.query_count, rows)) return call.give_integer(kit::kOutputGone);

  if (from == end) return call.give_integer(static_cast<int64_t>(end));
  QueryGroup& queries = call.state().queries();
  const size_t count = std::min(kQueryGroup, read.query_count - first_query);
  const size_t dimensions = read.scan.matrix.dimensions;
  if (!queries.prepare(*read.scan.kernels, read.query.data + first_query * dimensions, count, dimensions)) {
    return call.give_integer(kit::kOutOfMemory);
  }
  if (first_query == 0 && from == start) kit::prepare_to_write(output.data, read.query_count * rows * sizeof(float));
  float* const target = output.data + first_query * rows + (from - start);
  return call.give_integer(static_cast<int64_t>(score_rows_of_queries(read.context.execution(call.state()), read.scan,
                                                                      queries, mask.words.data, from, end, target,
                                                                      rows)));
}

napi_value top_k(Call& call) {
  ScanArguments read;
  read_block_scan(call, 0, 1, 6, read);
  if (call.failed()) return nullptr;
  const size_t k = call.count_scalar(kKScalar);
  const size_t output_query = call.count_scalar(kOutputQueryScalar);
  const size_t from = call.count_scalar(kFromScalar);
  const size_t end = call.count_scalar(kEndScalar);
  const size_t first_query = call.count_scalar(kFirstQueryScalar);
  const bool has_candidates = call.has(2) && !call.is_undefined(2);
  const ArrayView<uint32_t> candidates = has_candidates ? call.uints(2) : ArrayView<uint32_t>{};
  CallBlock& block = *call.state().block();
  const bool has_arrays = call.has(3) && !call.is_undefined(3);
  const ArrayView<uint32_t> indices =
      has_arrays ? call.uints(3) : ArrayView<uint32_t>{block.indices, CallBlock::kResults};
  const ArrayView<float> scores = has_arrays ? call.floats(4) : ArrayView<float>{block.scores, CallBlock::kResults};
  const MaskArgument mask = read_mask(call, 5, end);
  if (call.failed()) return nullptr;
  if (read.status < 0) return call.give_integer(read.status);
  if (mask.status < 0) return call.give_integer(mask.status);
  if (k == 0 || from > end || output_query > first_query) {
    call.fail(ErrorType::range, "k, from, outputQuery: expected k above 0, from up to end, outputQuery up to firstQuery");
    return nullptr;
  }
  const size_t positions = has_candidates ? candidates.length : read.scan.matrix.row_count;
  if (end > positions || first_query >= read.query_count) return call.give_integer(kit::kInputGone);
  const size_t ranked_before = call.count_scalar(kQueriesScalar);
  if (call.failed()) return nullptr;
  if (ranked_before > kCodedQueryGroup) {
    call.fail(ErrorType::range, "queries: expected as many as a call ranks together, or 0");
    return nullptr;
  }
  const QueriesToRank which = ranked_before > 0 ? QueriesToRank::all : QueriesToRank::first;
  const RowsToRank range{from, end, has_candidates ? candidates.data : nullptr, mask.words.data};
  const size_t most = ranked_before > 0 ? ranked_before : most_ranked_together(read.scan.matrix, range, k);
  const size_t count = std::min(most, read.query_count - first_query);
  const size_t skipped = first_query - output_query;
  if (!has_room(indices.length, skipped + count, k) || !has_room(scores.length, skipped + count, k)) {
    return call.give_integer(kit::kOutputGone);
  }
  block.scalars[kScannedScalar] = 0;
  block.scalars[kQueriesScalar] = static_cast<double>(count);
  if (from == end) return call.give_integer(static_cast<int64_t>(end));
  // The caller checked them too, but they may live in memory that another thread writes to.
  uint32_t* copied = nullptr;
  if (has_candidates) {
    copied = call.state().candidates().copy(candidates.data + from, end - from, read.scan.matrix.row_count);
    if (copied == nullptr) return call.give_integer(call.state().candidates().status());
  }

  QueryGroup& queries = call.state().queries();
  const size_t dimensions = read.scan.matrix.dimensions;
  if (!queries.prepare(*read.scan.kernels, read.query.data + first_query * dimensions, count, dimensions)) {
    return call.give_integer(kit::kOutOfMemory);
  }
  const RowsToRank rows = has_candidates ? RowsToRank{0, end - from, copied, nullptr} : range;
  const RankedOutput output{indices.data + skipped * k, scores.data + skipped * k, k};
  TopKWorkspace& workspace = call.state().selectors();
  const int64_t reached =
      top_k_of_queries(read.context.execution(call.state()), read.scan, queries, which, rows, k, output, workspace);
  write_searched(workspace, block);
  block.scalars[kQueriesScalar] = static_cast<double>(queries.count());
  return call.give_integer(reached < 0 ? reached : has_candidates ? reached + static_cast<int64_t>(from) : reached);
}

}  // namespace gearshift::binding
