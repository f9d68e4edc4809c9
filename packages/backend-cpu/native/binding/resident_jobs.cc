// Making resident copies on the pool's threads.
#include <memory>
#include <new>

#include "binding/entries.h"
#include "binding/job.h"
#include "binding/resident_fill.h"
#include "binding/spread_arguments.h"
#include "binding/start_job.h"
#include "kit/status.h"

namespace gearshift::binding {
namespace {

/** TRANSPOSE_MORE in src/addon.ts. */
constexpr int kTransposeMore = 1;

/** Works out what is missing of a matrix in shared memory, which is kept alive. */
class FillJob final : public Job {
 public:
  FillJob(const CallContext& context, OperandHandle& handle) noexcept
      : Job(context.max_threads), context_(context), place_(handle.place()) {
    use(&handle.operand());
  }

 private:
  int execute(const Execution& execution) noexcept override {
    const size_t count = operand()->missing.count();
    const int64_t reached = fill_rows(execution, context_, *operand(), place_.rows, place_.stored_version(), 0);
    if (reached < 0) return static_cast<int>(reached);
    return static_cast<size_t>(reached) < count ? kit::kCancelled : kit::kDone;
  }

  const CallContext context_;
  const RowPlace place_;
};

/** Gives a matrix codes, unless it has them. */
class EncodeJob final : public Job {
 public:
  EncodeJob(const CallContext& context, OperandHandle& handle) noexcept
      : Job(context.max_threads),
        context_(context),
        handle_(kit::Ref<OperandHandle>::retain(&handle)),
        place_(handle.place()) {
    use(&handle.operand());
  }

 private:
  int execute(const Execution& execution) noexcept override {
    return encode_rows(context_, execution, *operand(), place_);
  }

  int deliver(napi_env env) noexcept override {
    handle_->report(env);
    return kit::kDone;
  }

  const CallContext context_;
  const kit::Ref<OperandHandle> handle_;
  const RowPlace place_;
};

/**
 * Does a part of it. It has no reference of its own to the operand but that of the handle, so that the thread can change the matrix
 * meanwhile, which the next step notices.
 */
class EncodeStepJob final : public Job {
 public:
  EncodeStepJob(const CallContext& context, OperandHandle& handle, int64_t duration_ns) noexcept
      : Job(1),
        context_(context),
        handle_(kit::Ref<OperandHandle>::retain(&handle)),
        place_(handle.place()),
        version_(handle.operand().key().version),
        duration_ns_(duration_ns) {}

 private:
  int execute(const Execution& execution) noexcept override {
    return encode_some_rows(context_, execution.cancelled, handle_->operand(), place_, version_, duration_ns_);
  }

  int deliver(napi_env env) noexcept override {
    handle_->report(env);
    return kit::kDone;
  }

  const CallContext context_;
  const kit::Ref<OperandHandle> handle_;
  const RowPlace place_;
  const int64_t version_;
  const int64_t duration_ns_;
};

/** Builds a graph from its staged arrays. */
class BuildJob final : public Job {
 public:
  explicit BuildJob(SharedOperand* operand) noexcept : Job(1) { use(operand); }

 private:
  int execute(const Execution& execution) noexcept override {
    const int outcome = build_resident_graph(*operand(), 0, execution.cancelled);
    return outcome == kBuilt ? kit::kDone : outcome == kUnfinished ? kit::kCancelled : outcome;
  }
};

/** A piece of the transposed form of a graph: other jobs wait for a pool thread no longer than for this piece. */
class TransposeJob final : public Job {
 public:
  explicit TransposeJob(SharedOperand* operand) noexcept : Job(1) { use(operand); }

 private:
  int execute(const Execution&) noexcept override {
    constexpr size_t kPiece = size_t{1} << 18;  // edges: some milliseconds
    switch (operand()->transposed.make(*operand()->graph, kPiece)) {
      case BuildProgress::ready: return kit::kDone;
      case BuildProgress::more: return kTransposeMore;
      default: return kit::kOutOfMemory;
    }
  }
};

OperandHandle* find_to_encode(Call& call, size_t index) noexcept {
  OperandHandle* handle = call.state().handles().find(call.integer(index));
  if (handle != nullptr && handle->operand().matrix != nullptr && handle->operand().is_ready()) return handle;
  call.fail(ErrorType::range, "handle: it names no matrix that is ready");
  return nullptr;
}

}  // namespace

napi_value start_fill(Call& call) {
  const CallContext context = read_context(call, 0);
  OperandHandle* handle = find_to_fill(call, 1, OperandKind::matrix);
  if (call.failed()) return nullptr;
  if (!handle->operand().matrix->is_in_place()) {
    call.fail(ErrorType::type, "handle: expected a matrix in a SharedArrayBuffer");
    return nullptr;
  }
  std::unique_ptr<FillJob> job(new (std::nothrow) FillJob(context, *handle));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  const int status = handle->references().keep_for(call.env(), *job, 0) ? kit::kDone : kit::kOutOfMemory;
  return start_job(call, std::move(job), status, 2);
}

napi_value start_encode(Call& call) {
  const CallContext context = read_context(call, 0);
  OperandHandle* handle = find_to_encode(call, 1);
  if (call.failed()) return nullptr;
  std::unique_ptr<EncodeJob> job(new (std::nothrow) EncodeJob(context, *handle));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  const int status = handle->references().keep_for(call.env(), *job, 0) ? kit::kDone : kit::kOutOfMemory;
  return start_job(call, std::move(job), status, 2);
}

napi_value start_encode_step(Call& call) {
  const CallContext context = read_context(call, 0);
  OperandHandle* handle = find_to_encode(call, 1);
  const auto duration_ns = static_cast<int64_t>(call.count(2)) * 1'000'000;
  if (call.failed()) return nullptr;
  std::unique_ptr<EncodeStepJob> job(new (std::nothrow) EncodeStepJob(context, *handle, duration_ns));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  const int status = handle->references().keep_for(call.env(), *job, 0) ? kit::kDone : kit::kOutOfMemory;
  return start_job(call, std::move(job), status, 3);
}

napi_value start_build(Call& call) {
  OperandHandle* handle = find_to_fill(call, 0, OperandKind::graph);
  if (call.failed()) return nullptr;
  std::unique_ptr<BuildJob> job(new (std::nothrow) BuildJob(&handle->operand()));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  return start_job(call, std::move(job), kit::kDone, 1);
}

napi_value start_transpose(Call& call) {
  SharedOperand* operand = find_ready_graph(call, call.integer(0));
  if (call.failed()) return nullptr;
  std::unique_ptr<TransposeJob> job(new (std::nothrow) TransposeJob(operand));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  return start_job(call, std::move(job), kit::kDone, 1);
}

}  // namespace gearshift::binding
