#include <new>

#include "binding/entries.h"
#include "binding/owned_array.h"
#include "binding/report.h"

namespace gearshift::cuda::binding {
namespace {

/** What scores and top-k have in common. */
class ScanJob : public Job {
 public:
  using Job::Job;

  /** Reads: query, metric, start, end, candidates or undefined. */
  bool read(Call& call) noexcept {
    const ArrayView<float> query = call.floats();
    const size_t metric = call.count();
    scan_.start = call.count();
    scan_.end = call.count();
    const bool has_candidates = !call.skip_undefined();
    const ArrayView<uint32_t> candidates = has_candidates ? call.uints() : ArrayView<uint32_t>{};
    if (call.failed()) return false;
    const SharedOperand& own = operand();
    scan_.matrix = &own.matrix;
    scan_.first_row = own.first_row;
    scan_.metric = static_cast<Metric>(metric);
    scan_.query_count = query.length / own.matrix.dimensions;
    const size_t rows = own.matrix.rows;
    const bool is_gathered = !own.gathered.empty();
    const bool fits = metric <= kEuclidean && scan_.start <= scan_.end && own.is_ready() &&
                      (has_candidates ? is_gathered || own.first_row == 0
                                      : !is_gathered && scan_.start >= own.first_row && scan_.end - own.first_row <= rows);
    if (!fits || scan_.query_count == 0 || query.length % own.matrix.dimensions != 0) {
      call.fail("request: it does not fit the operand", true);
      return false;
    }
    for (size_t i = 0; i < candidates.length && !is_gathered; ++i) {
      if (candidates.data[i] >= rows) call.fail("candidates: expected rows of the matrix", true);
    }
    if (is_gathered && candidates.length != own.gathered.size()) call.fail("candidates: expected those of the copy", true);
    if (call.failed()) return false;
    has_memory_ = queries_.copy_from(query.data, query.length) &&
                  (!has_candidates || candidates_.copy_from(candidates.data, candidates.length));
    scan_.queries = queries_.data();
    scan_.candidates = has_candidates ? candidates_.data() : nullptr;
    scan_.candidate_count = candidates.length;
    scan_.is_gathered = is_gathered;
    return true;
  }

 protected:
  const Scan& scan() const noexcept { return scan_; }
  bool has_memory_ = false;

 private:
  Scan scan_{};
  OwnedArray<float> queries_;
  OwnedArray<uint32_t> candidates_;
};

class ScoreJob final : public ScanJob {
 public:
  using ScanJob::ScanJob;

  /** Reads besides: output. */
  bool read(Call& call) noexcept {
    if (!ScanJob::read(call)) return false;
    const ArrayView<float> output = call.floats();
    const size_t length = scan().query_count * scan().row_count();
    if (!call.failed() && output.length < length) call.fail("output: it is too short", true);
    if (call.failed() || !keep(call.env(), call.last(), 0)) return false;
    has_memory_ = has_memory_ && scores_.allocate(length);
    return true;
  }
  Outcome execute(Run& run) noexcept override {
    return has_memory_ ? score(run, scan(), scores_.data()) : Outcome{Failure::no_host_memory};
  }
  Outcome deliver(napi_env env) noexcept override { return scores_.copy_to(env, kept(env, 0), napi_float32_array); }

 private:
  OwnedArray<float> scores_;
};

class TopKJob final : public ScanJob {
 public:
  using ScanJob::ScanJob;

  /** Reads besides: k, indices, scores. */
  bool read(Call& call) noexcept {
    if (!ScanJob::read(call)) return false;
    k_ = call.count();
    if (!call.failed() && (k_ == 0 || k_ > scan().row_count())) call.fail("k: expected 1 to the number of rows", true);
    const ArrayView<uint32_t> indices = call.uints();
    if (call.failed() || !keep(call.env(), call.last(), 0)) return false;
    const ArrayView<float> scores = call.floats();
    const size_t length = scan().query_count * k_;
    if (!call.failed() && (indices.length < length || scores.length < length)) call.fail("output: it is too short", true);
    if (call.failed() || !keep(call.env(), call.last(), 1)) return false;
    has_memory_ = has_memory_ && indices_.allocate(length) && scores_.allocate(length);
    return true;
  }
  Outcome execute(Run& run) noexcept override {
    return has_memory_ ? top_k(run, scan(), k_, indices_.data(), scores_.data()) : Outcome{Failure::no_host_memory};
  }
  Outcome deliver(napi_env env) noexcept override {
    const Outcome outcome = indices_.copy_to(env, kept(env, 0), napi_uint32_array);
    return outcome.ok() ? scores_.copy_to(env, kept(env, 1), napi_float32_array) : outcome;
  }

 private:
  size_t k_ = 0;
  OwnedArray<uint32_t> indices_;
  OwnedArray<float> scores_;
};

class SpreadJob final : public Job {
 public:
  using Job::Job;

  /** Reads: activations, start, end, hops, decay, retention, threshold, output. */
  bool read(Call& call) noexcept {
    const ArrayView<float> activations = call.floats();
    request_.start = call.count();
    request_.end = call.count();
    request_.hops = call.count();
    request_.decay = static_cast<float>(call.number());
    request_.retention = static_cast<float>(call.number());
    request_.threshold = static_cast<float>(call.number());
    const ArrayView<float> output = call.floats();
    if (call.failed() || !keep(call.env(), call.last(), 0)) return false;
    request_.graph = &operand().graph;
    const size_t nodes = request_.graph->nodes;
    const bool is_whole = request_.start == 0 && request_.end == nodes;
    if (!operand().is_ready() || activations.length < nodes || request_.start > request_.end || request_.end > nodes ||
        request_.hops == 0 || (request_.hops > 1 && !is_whole) || output.length < request_.end - request_.start) {
      call.fail("request: it does not fit the operand", true);
      return false;
    }
    has_memory_ = activations_.copy_from(activations.data, nodes) && output_.allocate(request_.end - request_.start);
    request_.activations = activations_.data();
    return true;
  }
  Outcome execute(Run& run) noexcept override {
    return has_memory_ ? spread(run, request_, output_.data()) : Outcome{Failure::no_host_memory};
  }
  Outcome deliver(napi_env env) noexcept override { return output_.copy_to(env, kept(env, 0), napi_float32_array); }

 private:
  Spread request_{};
  bool has_memory_ = false;
  OwnedArray<float> activations_;
  OwnedArray<float> output_;
};

/** Runs the request at once, or starts it where a callback is given. */
template <typename SomeJob>
napi_value run_or_start(Call& call, bool is_graph) {
  const auto operand = call.state().find_operand(call.integer());
  if (!call.failed() && (operand == nullptr || operand->key().is_graph != is_graph)) call.fail("handle: it names nothing");
  if (call.failed()) return nullptr;
  std::unique_ptr<SomeJob> job(new (std::nothrow) SomeJob(operand));
  if (job == nullptr) return give_outcome(call, {Failure::no_host_memory});
  const bool is_read = job->read(call);
  const bool is_async = !call.skip_undefined();
  if (is_read && is_async && !job->keep_callback(call.env(), call.value())) call.fail("done: expected a function");
  if (!is_read || call.failed()) {
    job->drop_references(call.env());
    if (!call.failed()) call.fail("the request could not be read");
    return nullptr;
  }
  if (is_async) {
    const int64_t number = call.state().start(call.env(), std::move(job));
    return number > 0 ? call.give(static_cast<double>(number)) : give_outcome(call, {Failure::no_thread});
  }
  job->perform();
  const Outcome outcome = job->outcome().ok() ? job->deliver(call.env()) : job->outcome();
  call.state().last_phases = job->phases();
  job->drop_references(call.env());
  return give_outcome(call, outcome);
}

}  // namespace

napi_value score_entry(Call& call) { return run_or_start<ScoreJob>(call, false); }
napi_value top_k_entry(Call& call) { return run_or_start<TopKJob>(call, false); }
napi_value spread_entry(Call& call) { return run_or_start<SpreadJob>(call, true); }

napi_value cancel(Call& call) {
  const int64_t number = call.integer();
  if (!call.failed()) call.state().cancel(number);
  return nullptr;
}

}  // namespace gearshift::cuda::binding
