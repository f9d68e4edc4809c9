// Spreading activation over several hops as a job on the pool's threads.
#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "binding/entries.h"
#include "binding/job.h"
#include "binding/spread_arguments.h"
#include "binding/start_job.h"
#include "kit/binding/copy_out.h"
#include "kit/owned_array.h"
#include "kit/status.h"

namespace gearshift::binding {
namespace {

class SpreadJob final : public Job {
 public:
  SpreadJob(const CallContext& context, SharedOperand* operand, const SpreadOptions& options, size_t start, size_t end,
            size_t hops) noexcept
      : Job(context.max_threads),
        spread_(describe_spread(context, *operand, options)),
        start_(start),
        end_(end),
        hops_(hops) {
    use(operand);
  }

  int take_arrays(Call& call, const ArrayView<float>& activations, size_t output_index) noexcept {
    const bool taken = activations_.copy_from(activations.data, spread_.nodes) && output_.allocate(end_ - start_) &&
                       keep(call.env(), call.raw(output_index), 0);
    return taken ? kit::kDone : kit::kOutOfMemory;
  }

 private:
  int execute(const Execution& execution) noexcept override {
    // With more than one hop the range is the whole graph, so the two arrays are alike and take turns.
    float* input = activations_.data();
    float* target = output_.data();
    for (size_t hop = 0; hop < hops_;) {
      if (hop > 0) std::swap(input, target);
      const size_t done = spread_active_nodes(spread_, input, hops_ - hop, start_, end_, target);
      if (done == 0) spread_one_hop(execution, spread_, input, start_, end_, target);
      hop += std::max<size_t>(1, done);
      if (is_cancelled()) return kit::kCancelled;
    }
    if (target != output_.data()) std::memcpy(output_.data(), target, output_.length() * sizeof(float));
    return kit::kDone;
  }

  int deliver(napi_env env) noexcept override { return kit::copy_out(env, kept(env, 0), napi_float32_array, output_); }

  const Spread spread_;
  const size_t start_;
  const size_t end_;
  const size_t hops_;
  kit::OwnedArray<float> activations_;
  kit::OwnedArray<float> output_;
};

}  // namespace

napi_value start_spread(Call& call) {
  const CallContext context = read_context(call, 0);
  SharedOperand* operand = find_ready_graph(call, call.integer(1));
  const ArrayView<float> activations = call.floats(2);
  const ArrayView<float> output = call.floats(3);
  const size_t start = call.count(4);
  const size_t end = call.count(5);
  const size_t hops = call.count(6);
  const SpreadOptions options = read_spread_options(call, 7);
  if (call.failed()) return nullptr;
  const size_t nodes = operand->key().shape[0];
  const bool is_whole = start == 0 && end == nodes;
  if (hops == 0 || start > end || end > nodes || (hops > 1 && !is_whole)) {
    call.fail(ErrorType::range, "start, end, hops: expected at least one hop, over all nodes when there are more");
    return nullptr;
  }
  if (activations.length < nodes) return call.give_integer(kit::kInputGone);
  if (output.length < end - start) return call.give_integer(kit::kOutputGone);
  std::unique_ptr<SpreadJob> job(new (std::nothrow) SpreadJob(context, operand, options, start, end, hops));
  if (job == nullptr) return call.give_integer(kit::kOutOfMemory);
  const int status = job->take_arrays(call, activations, 3);
  return start_job(call, std::move(job), status, 10);
}

}  // namespace gearshift::binding
