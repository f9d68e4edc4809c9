// Scans as jobs on the pool's threads. The query is copied when the job starts and the outputs when it has ended.
#include <algorithm>
#include <iterator>
#include <memory>
#include <new>

#include "binding/entries.h"
#include "binding/job.h"
#include "binding/scan_arguments.h"
#include "binding/start_job.h"
#include "core/row_mask.h"
#include "kit/binding/copy_out.h"
#include "kit/owned_array.h"
#include "kit/status.h"

namespace gearshift::binding {
namespace {

/** What both scans keep for as long as they run. */
class ScanJob : public Job {
 public:
  explicit ScanJob(const ScanArguments& read) noexcept
      : Job(read.context.max_threads), scan_(read.scan), query_count_(read.query_count) {
    if (scan_.matrix.version == nullptr) return;
    version_ = *scan_.matrix.version;
    scan_.matrix.version = &version_;
  }

  /** Takes over the inputs. The rows are resident, or lie in shared memory that is kept alive; else the call fails. */
  int take_inputs(Call& call, const ScanArguments& read, size_t stored_argument) noexcept {
    if (read.handle != nullptr) {
      use(&read.handle->operand());
      if (!read.handle->references().keep_for(call.env(), *this, kSourcePlace)) return kit::kOutOfMemory;
    } else if (!call.is_shared(kSourceArgument)) {
      call.fail(ErrorType::type, "source: expected values in a SharedArrayBuffer");
      return kit::kInputGone;
    } else {
      const PlaceArguments place = place_arguments(kSourceArgument, stored_argument);
      const size_t arrays[] = {place.values, place.control, place.heads, place.log};
      for (size_t i = 0; i < (read.place.is_stored ? std::size(arrays) : 1); ++i) {
        if (!keep(call.env(), call.raw(arrays[i]), kSourcePlace + i)) return kit::kOutOfMemory;
      }
    }
    const size_t dimensions = scan_.matrix.dimensions;
    return query_.copy_from(read.query.data, query_count_ * dimensions) ? kit::kDone : kit::kOutOfMemory;
  }

  /** Takes over a mask that covers `rows` rows. */
  int take_mask(const MaskArgument& mask, size_t rows) noexcept {
    has_mask_ = mask.words.data != nullptr;
    return !has_mask_ || mask_.copy_from(mask.words.data, mask_words(rows)) ? kit::kDone : kit::kOutOfMemory;
  }

 protected:
  static constexpr size_t kSourcePlace = 0;
  static constexpr size_t kOutputPlace = kSourcePlace + RowPlace::kArrays;

  /** At most `most` queries at a time, of which the body may leave some for the next time. */
  template <typename Body>
  int for_each_group(size_t most, const Body& body) noexcept {
    QueryGroup queries;
    const size_t dimensions = scan_.matrix.dimensions;
    for (size_t first = 0; first < query_count_; first += queries.count()) {
      const size_t count = std::min(most, query_count_ - first);
      if (!queries.prepare(*scan_.kernels, query_.data() + first * dimensions, count, dimensions)) return kit::kOutOfMemory;
      const int status = body(queries, first);
      if (status < 0) return status;
      if (is_cancelled()) return kit::kCancelled;
    }
    return kit::kDone;
  }

  /** Null: all rows. */
  const uint32_t* mask() const noexcept { return has_mask_ ? mask_.data() : nullptr; }

  Scan scan_;
  const size_t query_count_;

 private:
  kit::StoredVersion version_{};  // of rows that may change
  kit::OwnedArray<float> query_;
  bool has_mask_ = false;
  kit::OwnedArray<uint32_t> mask_;
};

class ScoreJob final : public ScanJob {
 public:
  ScoreJob(const ScanArguments& read, size_t start, size_t end) noexcept : ScanJob(read), start_(start), end_(end) {}

  int take_output(Call& call, size_t index) noexcept {
    if (!output_.allocate(query_count_ * (end_ - start_))) return kit::kOutOfMemory;
    return keep(call.env(), call.raw(index), kOutputPlace) ? kit::kDone : kit::kOutOfMemory;
  }

 private:
  int execute(const Execution& execution) noexcept override {
    const size_t rows = end_ - start_;
    return for_each_group(kQueryGroup, [&](const QueryGroup& queries, size_t first) noexcept {
      score_rows_of_queries(execution, scan_, queries, mask(), start_, end_, output_.data() + first * rows, rows);
      return kit::kDone;
    });
  }

  int deliver(napi_env env) noexcept override {
    return kit::copy_out(env, kept(env, kOutputPlace), napi_float32_array, output_);
  }

  const size_t start_;
  const size_t end_;
  kit::OwnedArray<float> output_;
};

class TopKJob final : public ScanJob {
 public:
  TopKJob(const ScanArguments& read, size_t k, size_t start, size_t end) noexcept
      : ScanJob(read), k_(k), start_(start), end_(end) {}

  int take_candidates(const ArrayView<uint32_t>& candidates) noexcept {
    has_candidates_ = true;
    start_ = 0;
    end_ = candidates.length;
    rows_ = candidates_.copy(candidates.data, candidates.length, scan_.matrix.row_count);
    return rows_ == nullptr ? candidates_.status() : kit::kDone;
  }

  int take_outputs(Call& call, size_t indices, size_t scores) noexcept {
    const size_t length = query_count_ * k_;
    const bool taken = indices_.allocate(length) && scores_.allocate(length) &&
                       keep(call.env(), call.raw(indices), kOutputPlace) &&
                       keep(call.env(), call.raw(scores), kScoresPlace);
    return taken ? kit::kDone : kit::kOutOfMemory;
  }

 private:
  static constexpr size_t kScoresPlace = kOutputPlace + 1;

  int execute(const Execution& execution) noexcept override {
    const RowsToRank rows{start_, end_, has_candidates_ ? rows_ : nullptr, mask()};
    TopKWorkspace workspace;
    const size_t most = most_ranked_together(scan_.matrix, rows, k_);
    const int status = for_each_group(most, [&](QueryGroup& queries, size_t first) noexcept {
      const RankedOutput output{indices_.data() + first * k_, scores_.data() + first * k_, k_};
      const int64_t reached =
          top_k_of_queries(execution, scan_, queries, QueriesToRank::first, rows, k_, output, workspace);
      return reached < 0 ? static_cast<int>(reached) : static_cast<int>(kit::kDone);
    });
    searched_ = workspace.searched;
    return status;
  }

  /** In the order of the scalars of a block. */
  size_t report_more(napi_env env, napi_value* arguments) noexcept override {
    const CertifiedCounts& counts = searched_.counts;
    napi_create_double(env, searched_.lacks_codes ? -1.0 : static_cast<double>(counts.scanned), &arguments[0]);
    if (counts.scanned == 0) return 1;
    napi_create_double(env, static_cast<double>(counts.examined), &arguments[1]);
    napi_create_double(env, static_cast<double>(counts.rescored), &arguments[2]);
    napi_create_double(env, static_cast<double>(counts.whole), &arguments[3]);
    napi_create_double(env, static_cast<double>(counts.plain), &arguments[4]);
    return 5;
  }

  int deliver(napi_env env) noexcept override {
    const int status = kit::copy_out(env, kept(env, kOutputPlace), napi_uint32_array, indices_);
    return status < 0 ? status : kit::copy_out(env, kept(env, kScoresPlace), napi_float32_array, scores_);
  }

  const size_t k_;
  size_t start_;
  size_t end_;
  bool has_candidates_ = false;
  CandidateList candidates_;
  const uint32_t* rows_ = nullptr;
  TopKWorkspace::Searched searched_;
  kit::OwnedArray<uint32_t> indices_;
  kit::OwnedArray<float> scores_;
};

}  // namespace

napi_value start_score(Call& call) {
  constexpr size_t kStoredArgument = 11;
  ScanArguments read;
  read_scan(call, kStoredArgument, read);
  const ArrayView<float> output = call.floats(6);
  const size_t start = call.count(7);
  const size_t end = call.count(8);
  const MaskArgument mask = read_mask(call, 9, end);
  if (call.failed()) return nullptr;
  if (start > end) {
    call.fail(ErrorType::range, "start: expected a row up to end");
    return nullptr;
  }
  if (read.status < 0) return call.give_integer(read.status);
  if (mask.status < 0) return call.give_integer(mask.status);
  if (end > read.scan.matrix.row_count) return call.give_integer(kit::kInputGone);
  if (!has_room(output.length, read.query_count, end - start)) return call.give_integer(kit::kOutputGone);

  std::unique_ptr<ScoreJob> job(new (std::nothrow) ScoreJob(read, start, end));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  int status = job->take_inputs(call, read, kStoredArgument);
  if (status == kit::kDone) status = job->take_mask(mask, end);
  if (status == kit::kDone) status = job->take_output(call, 6);
  return start_job(call, std::move(job), status, 10);
}

napi_value start_top_k(Call& call) {
  constexpr size_t kStoredArgument = 14;
  ScanArguments read;
  read_scan(call, kStoredArgument, read);
  const ArrayView<uint32_t> indices = call.uints(6);
  const ArrayView<float> scores = call.floats(7);
  const size_t k = call.count(8);
  const size_t start = call.count(9);
  const size_t end = call.count(10);
  const bool has_candidates = !call.is_undefined(11);
  const ArrayView<uint32_t> candidates = has_candidates ? call.uints(11) : ArrayView<uint32_t>{};
  const MaskArgument mask = read_mask(call, 12, has_candidates ? 0 : end);
  if (call.failed()) return nullptr;
  if (k == 0 || start > end) {
    call.fail(ErrorType::range, "k, start: expected k above 0 and a start up to end");
    return nullptr;
  }
  if (read.status < 0) return call.give_integer(read.status);
  if (mask.status < 0) return call.give_integer(mask.status);
  if (end > read.scan.matrix.row_count) return call.give_integer(kit::kInputGone);
  if (!has_room(indices.length, read.query_count, k) || !has_room(scores.length, read.query_count, k)) {
    return call.give_integer(kit::kOutputGone);
  }
  const size_t rows_in_range = mask.words.data == nullptr ? end - start : count_rows(mask.words.data, start, end);
  if ((has_candidates ? candidates.length : rows_in_range) < k) return call.give_integer(kit::kInputGone);

  std::unique_ptr<TopKJob> job(new (std::nothrow) TopKJob(read, k, start, end));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  int status = job->take_inputs(call, read, kStoredArgument);
  if (status == kit::kDone && has_candidates) status = job->take_candidates(candidates);
  if (status == kit::kDone && !has_candidates) status = job->take_mask(mask, end);
  if (status == kit::kDone) status = job->take_outputs(call, 6, 7);
  return start_job(call, std::move(job), status, 13);
}

}  // namespace gearshift::binding
