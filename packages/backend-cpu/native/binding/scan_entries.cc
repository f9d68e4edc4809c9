// Synchronous scans. The caller's arrays are read and written in place: no JavaScript runs before the entry returns.
#include <algorithm>

#include "binding/entries.h"
#include "binding/scan_arguments.h"
#include "binding/status.h"

namespace gearshift::binding {

napi_value score(Call& call) {
  ScanArguments read = read_scan(call);
  const ArrayView<float> output = call.floats(4);
  const size_t start = call.count(5);
  const size_t end = call.count(6);
  const size_t from = call.count(7);
  const size_t first_query = call.count(8);
  if (call.failed()) return nullptr;
  if (read.status < 0) return call.give_integer(read.status);
  if (start > from || from > end) {
    call.fail("from: expected a row in [start, end]");
    return nullptr;
  }
  if (end > read.scan.matrix.row_count || first_query >= read.query_count) return call.give_integer(kInputGone);
  const size_t rows = end - start;
  if (!has_room(output.length, read.query_count, rows)) return call.give_integer(kOutputGone);

  QueryGroup& queries = call.state().queries();
  const size_t count = std::min(kQueryGroup, read.query_count - first_query);
  const size_t dimensions = read.scan.matrix.dimensions;
  if (!queries.prepare(*read.scan.kernels, read.query.data + first_query * dimensions, count, dimensions)) {
    return call.give_integer(kOutOfMemory);
  }
  float* const target = output.data + first_query * rows + (from - start);
  return call.give_integer(static_cast<int64_t>(score_rows_of_queries(read.context.execution(call.state()), read.scan,
                                                                      queries, from, end, target, rows)));
}

napi_value top_k(Call& call) {
  ScanArguments read = read_scan(call);
  const ArrayView<uint32_t> indices = call.uints(4);
  const ArrayView<float> scores = call.floats(5);
  const size_t k = call.count(6);
  const size_t output_query = call.count(7);
  const size_t from = call.count(8);
  const size_t end = call.count(9);
  const size_t first_query = call.count(10);
  const bool has_candidates = !call.is_undefined(11);
  const ArrayView<uint32_t> candidates = has_candidates ? call.uints(11) : ArrayView<uint32_t>{};
  if (call.failed()) return nullptr;
  if (read.status < 0) return call.give_integer(read.status);
  if (k == 0 || from > end || output_query > first_query) {
    call.fail("k, from, outputQuery: expected k above 0, from up to end, outputQuery up to firstQuery");
    return nullptr;
  }
  const size_t positions = has_candidates ? candidates.length : read.scan.matrix.row_count;
  if (end > positions || first_query >= read.query_count) return call.give_integer(kInputGone);
  const size_t count = std::min(kQueryGroup, read.query_count - first_query);
  const size_t skipped = first_query - output_query;
  if (!has_room(indices.length, skipped + count, k) || !has_room(scores.length, skipped + count, k)) {
    return call.give_integer(kOutputGone);
  }
  // The caller checked them too, but they may live in memory that another thread writes to.
  uint32_t* copied = nullptr;
  if (has_candidates) {
    copied = call.state().candidates().copy(candidates.data + from, end - from, read.scan.matrix.row_count);
    if (copied == nullptr) return call.give_integer(call.state().candidates().status());
  }

  QueryGroup& queries = call.state().queries();
  const size_t dimensions = read.scan.matrix.dimensions;
  if (!queries.prepare(*read.scan.kernels, read.query.data + first_query * dimensions, count, dimensions)) {
    return call.give_integer(kOutOfMemory);
  }
  const RowsToRank rows = has_candidates ? RowsToRank{0, end - from, copied} : RowsToRank{from, end, nullptr};
  const RankedOutput output{indices.data + skipped * k, scores.data + skipped * k, k};
  const int64_t reached = top_k_of_queries(read.context.execution(call.state()), read.scan, queries, rows, k, output);
  return call.give_integer(reached < 0 ? reached : has_candidates ? reached + static_cast<int64_t>(from) : reached);
}

}  // namespace gearshift::binding
