#include <memory>
#include <new>

#include "binding/entries.h"
#include "binding/report.h"
#include "kit/binding/copy_out.h"
#include "kit/owned_array.h"

namespace gearshift::cuda::binding {
namespace {

/** Copies an output into the caller's array. */
template <typename T>
Outcome deliver_array(napi_env env, napi_value array, napi_typedarray_type wanted, const kit::OwnedArray<T>& values) noexcept {
  return {static_cast<Failure>(kit::copy_out(env, array, wanted, values))};
}

/** What scores and top-k have in common. */
class ScanJob : public Job {
 public:
  using Job::Job;

  /** Reads arguments 1 to 7: query, metric, start, end, candidates or undefined, words or undefined, rows in them. */
  bool read(Call& call) noexcept {
    const ArrayView<float> query = call.floats(1);
    const size_t metric = call.count(2);
    scan_.start = call.count(3);
    scan_.end = call.count(4);
    const bool has_candidates = !call.is_undefined(5);
    const ArrayView<uint32_t> candidates = has_candidates ? call.uints(5) : ArrayView<uint32_t>{};
    const bool has_words = !call.is_undefined(6);
    const ArrayView<uint32_t> words = has_words ? call.uints(6) : ArrayView<uint32_t>{};
    scan_.rows_in_words = call.count(7);
    if (call.failed()) return false;
    const SharedOperand& own = operand();
    scan_.matrix = &own.matrix;
    scan_.first_row = own.first_row;
    scan_.metric = static_cast<Metric>(metric);
    scan_.query_count = query.length / own.matrix.dimensions;
    const size_t rows = own.matrix.rows;
    const bool is_gathered = !own.gathered.is_empty();
    const bool fits = metric <= kEuclidean && scan_.start <= scan_.end && own.is_ready() &&
                      (has_candidates ? is_gathered || own.first_row == 0
                                      : !is_gathered && scan_.start >= own.first_row && scan_.end - own.first_row <= rows);
    if (!fits || scan_.query_count == 0 || query.length % own.matrix.dimensions != 0) {
      call.fail(ErrorType::range, "request: it does not fit the operand");
      return false;
    }
    for (size_t i = 0; i < candidates.length && !is_gathered; ++i) {
      if (candidates.data[i] >= rows) call.fail(ErrorType::range, "candidates: expected rows of the matrix");
    }
    if (has_words && (has_candidates || words.length < scan_.word_count() || scan_.rows_in_words > scan_.row_count())) {
      call.fail(ErrorType::range, "words: expected one bit for each row of the range, and no candidates");
    }
    if (is_gathered && candidates.length != own.gathered.length()) call.fail(ErrorType::range, "candidates: expected those of the copy");
    if (call.failed()) return false;
    has_memory_ = queries_.copy_from(query.data, query.length) &&
                  (!has_candidates || candidates_.copy_from(candidates.data, candidates.length)) &&
                  (!has_words || words_.copy_from(words.data, scan_.word_count()));
    scan_.queries = queries_.data();
    scan_.candidates = has_candidates ? candidates_.data() : nullptr;
    scan_.candidate_count = candidates.length;
    scan_.is_gathered = is_gathered;
    scan_.words = has_words ? words_.data() : nullptr;
    return true;
  }

 protected:
  const Scan& scan() const noexcept { return scan_; }
  bool has_memory_ = false;

 private:
  Scan scan_{};
  kit::OwnedArray<float> queries_;
  kit::OwnedArray<uint32_t> candidates_;
  kit::OwnedArray<uint32_t> words_;
};

class ScoreJob final : public ScanJob {
 public:
  using ScanJob::ScanJob;

  static constexpr size_t kCallback = 9;

  /** Reads besides: output. */
  bool read(Call& call) noexcept {
    if (!ScanJob::read(call)) return false;
    const ArrayView<float> output = call.floats(8);
    const size_t length = scan().query_count * scan().row_count();
    if (!call.failed() && output.length < length) call.fail(ErrorType::range, "output: it is too short");
    if (call.failed() || !keep(call.env(), call.raw(8), 0)) return false;
    has_memory_ = has_memory_ && scores_.allocate(length);
    return true;
  }
  Outcome execute(Run& run) noexcept override {
    return has_memory_ ? score(run, scan(), scores_.data()) : Outcome{Failure::no_host_memory};
  }
  Outcome deliver(napi_env env) noexcept override { return deliver_array(env, kept(env, 0), napi_float32_array, scores_); }

 private:
  kit::OwnedArray<float> scores_;
};

class TopKJob final : public ScanJob {
 public:
  using ScanJob::ScanJob;

  static constexpr size_t kCallback = 11;

  /** Reads besides: k, indices, scores. */
  bool read(Call& call) noexcept {
    if (!ScanJob::read(call)) return false;
    k_ = call.count(8);
    if (!call.failed() && (k_ == 0 || k_ > scan().considered_count())) {
      call.fail(ErrorType::range, "k: expected 1 to the number of considered rows");
    }
    const ArrayView<uint32_t> indices = call.uints(9);
    const ArrayView<float> scores = call.floats(10);
    const size_t length = scan().query_count * k_;
    if (!call.failed() && (indices.length < length || scores.length < length)) call.fail(ErrorType::range, "output: it is too short");
    if (call.failed() || !keep(call.env(), call.raw(9), 0) || !keep(call.env(), call.raw(10), 1)) return false;
    has_memory_ = has_memory_ && indices_.allocate(length) && scores_.allocate(length);
    return true;
  }
  Outcome execute(Run& run) noexcept override {
    return has_memory_ ? top_k(run, scan(), k_, indices_.data(), scores_.data()) : Outcome{Failure::no_host_memory};
  }
  Outcome deliver(napi_env env) noexcept override {
    const Outcome outcome = deliver_array(env, kept(env, 0), napi_uint32_array, indices_);
    return outcome.ok() ? deliver_array(env, kept(env, 1), napi_float32_array, scores_) : outcome;
  }

 private:
  size_t k_ = 0;
  kit::OwnedArray<uint32_t> indices_;
  kit::OwnedArray<float> scores_;
};

class SpreadJob final : public Job {
 public:
  using Job::Job;

  static constexpr size_t kCallback = 9;

  /** Reads arguments 1 to 8: activations, start, end, hops, decay, retention, threshold, output. */
  bool read(Call& call) noexcept {
    const ArrayView<float> activations = call.floats(1);
    request_.start = call.count(2);
    request_.end = call.count(3);
    request_.hops = call.count(4);
    request_.decay = static_cast<float>(call.number(5));
    request_.retention = static_cast<float>(call.number(6));
    request_.threshold = static_cast<float>(call.number(7));
    const ArrayView<float> output = call.floats(8);
    if (call.failed() || !keep(call.env(), call.raw(8), 0)) return false;
    request_.graph = &operand().graph;
    const size_t nodes = request_.graph->nodes;
    const bool is_whole = request_.start == 0 && request_.end == nodes;
    if (!operand().is_ready() || activations.length < nodes || request_.start > request_.end || request_.end > nodes ||
        request_.hops == 0 || (request_.hops > 1 && !is_whole) || output.length < request_.end - request_.start) {
      call.fail(ErrorType::range, "request: it does not fit the operand");
      return false;
    }
    has_memory_ = activations_.copy_from(activations.data, nodes) && output_.allocate(request_.end - request_.start);
    request_.activations = activations_.data();
    return true;
  }
  Outcome execute(Run& run) noexcept override {
    return has_memory_ ? spread(run, request_, output_.data()) : Outcome{Failure::no_host_memory};
  }
  Outcome deliver(napi_env env) noexcept override { return deliver_array(env, kept(env, 0), napi_float32_array, output_); }

 private:
  Spread request_{};
  bool has_memory_ = false;
  kit::OwnedArray<float> activations_;
  kit::OwnedArray<float> output_;
};

/** Runs the request at once, or starts it where a callback is given. */
template <typename SomeJob>
napi_value run_or_start(Call& call, OperandKind kind) noexcept {
  SharedOperand* const operand = call.state().operands().find(call.integer(0));
  if (operand == nullptr || operand->key().kind != kind) call.fail(ErrorType::type, "handle: it names nothing");
  if (call.failed()) return nullptr;
  std::unique_ptr<SomeJob> job(new (std::nothrow) SomeJob(kit::Ref<SharedOperand>::retain(operand)));
  if (job == nullptr) return give_outcome(call, {Failure::no_host_memory});
  const bool is_read = job->read(call);
  const bool is_async = !call.is_undefined(SomeJob::kCallback);
  if (is_read && is_async && !job->keep_callback(call.env(), call.raw(SomeJob::kCallback))) {
    call.fail(ErrorType::type, "done: expected a function");
  }
  if (!is_read || call.failed()) {
    job->drop_references(call.env());
    if (!call.failed()) call.fail(ErrorType::type, "the request could not be read");
    return nullptr;
  }
  if (is_async) {
    const int64_t number = call.state().start(call.env(), std::move(job));
    return number > 0 ? call.give_integer(number) : give_outcome(call, {Failure::no_thread});
  }
  job->perform();
  const Outcome outcome = job->outcome().ok() ? job->deliver(call.env()) : job->outcome();
  call.state().last_phases = job->phases();
  job->drop_references(call.env());
  return give_outcome(call, outcome);
}

}  // namespace

napi_value score_entry(Call& call) { return run_or_start<ScoreJob>(call, OperandKind::matrix); }
napi_value top_k_entry(Call& call) { return run_or_start<TopKJob>(call, OperandKind::matrix); }
napi_value spread_entry(Call& call) { return run_or_start<SpreadJob>(call, OperandKind::graph); }

napi_value cancel(Call& call) {
  const int64_t number = call.integer(0);
  if (!call.failed()) call.state().cancel(number);
  return nullptr;
}

}  // namespace gearshift::cuda::binding
