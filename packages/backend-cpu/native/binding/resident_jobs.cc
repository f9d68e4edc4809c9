// Making resident copies on the pool's threads.
#include <memory>
#include <new>

#include "binding/entries.h"
#include "binding/job.h"
#include "binding/resident_fill.h"
#include "binding/start_job.h"
#include "kit/status.h"

namespace gearshift::binding {
namespace {

/** Fills a matrix from shared memory, which is kept alive. */
class FillJob final : public Job {
 public:
  FillJob(const CallContext& context, SharedOperand* operand, const float* values) noexcept
      : Job(context.max_threads), context_(context), values_(values) {
    use(operand);
  }

 private:
  int execute(const Execution& execution) noexcept override {
    const OperandKey& key = operand()->key();
    const size_t rows = key.shape[0];
    if (fill_rows(execution, context_, *operand()->matrix, values_, 0, rows, key.shape[1]) < rows) return kit::kCancelled;
    operand()->mark_ready();
    return kit::kDone;
  }

  const CallContext context_;
  const float* const values_;
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

}  // namespace

napi_value start_fill(Call& call) {
  const CallContext context = read_context(call, 0);
  SharedOperand* operand = find_to_fill(call, 1, OperandKind::matrix);
  const ArrayView<float> values = call.floats(2);
  if (call.failed()) return nullptr;
  if (!call.is_shared(2)) {
    call.fail(ErrorType::type, "values: expected values in a SharedArrayBuffer");
    return nullptr;
  }
  const OperandKey& key = operand->key();
  if (key.shape[0] > 0 && values.length / key.shape[0] < key.shape[1]) return call.give_integer(kit::kInputGone);
  std::unique_ptr<FillJob> job(new (std::nothrow) FillJob(context, operand, values.data));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  const int status = job->keep(call.env(), call.raw(2), 0) ? kit::kDone : kit::kOutOfMemory;
  return start_job(call, std::move(job), status, 3);
}

napi_value start_build(Call& call) {
  SharedOperand* operand = find_to_fill(call, 0, OperandKind::graph);
  if (call.failed()) return nullptr;
  std::unique_ptr<BuildJob> job(new (std::nothrow) BuildJob(operand));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  return start_job(call, std::move(job), kit::kDone, 1);
}

}  // namespace gearshift::binding
