#include "binding/call_context.h"
#include "binding/entries.h"
#include "binding/spread_arguments.h"
#include "binding/spread_calls.h"
#include "kit/status.h"
#include "kit/store/pages.h"

namespace gearshift::binding {

SharedOperand* find_ready_graph(Call& call, int64_t handle) noexcept {
  OperandHandle* found = call.state().handles().find(handle);
  if (found != nullptr && found->operand().graph != nullptr && found->operand().is_ready()) return &found->operand();
  call.fail(ErrorType::range, "handle: it names no graph that is ready");
  return nullptr;
}

Spread describe_spread(const CallContext& context, SharedOperand& operand, const SpreadOptions& options) noexcept {
  return {context.kernels,        context.spreads,        operand.graph.get(), &operand.transposed,
          operand.key().shape[0], operand.key().shape[1], options};
}

SpreadOptions read_spread_options(Call& call, size_t index) noexcept {
  return {static_cast<float>(call.number(index)), static_cast<float>(call.number(index + 1)),
          static_cast<float>(call.number(index + 2))};
}

namespace {

/** The arguments of a synchronous hop. */
struct SpreadCall {
  CallContext context;
  Spread spread;
  const float* activations;
  float* output;
  size_t start, from, end;
};

/** False when the call has failed, or `status` says that an array is gone. */
bool read_spread_call(Call& call, SpreadCall* read, int* status) noexcept {
  read->context = read_block_context(call);
  if (call.failed()) return false;
  SharedOperand* operand = find_ready_graph(call, static_cast<int64_t>(call.count_scalar(kHandleScalar)));
  const ArrayView<float> activations = call.floats(0);
  const ArrayView<float> output = call.floats(1);
  read->start = call.count_scalar(kStartScalar);
  read->end = call.count_scalar(kEndScalar);
  read->from = call.count_scalar(kFromScalar);
  const SpreadOptions options{call.float_scalar(kDecayScalar), call.float_scalar(kRetentionScalar),
                              call.float_scalar(kThresholdScalar)};
  if (call.failed()) return false;
  const size_t nodes = operand->key().shape[0];
  if (read->start > read->from || read->from > read->end || read->end > nodes) {
    call.fail(ErrorType::range, "start, from, end: expected nodes in ascending order");
    return false;
  }
  read->spread = describe_spread(read->context, *operand, options);
  read->activations = activations.data;
  read->output = output.data;
  if (activations.length < nodes) *status = kit::kInputGone;
  else if (output.length < read->end - read->start) *status = kit::kOutputGone;
  else if (read->from == read->start) kit::prepare_to_write(output.data, (read->end - read->start) * sizeof(float));
  return *status == kit::kDone;
}

}  // namespace

napi_value spread(Call& call) {
  SpreadCall read;
  int status = kit::kDone;
  if (!read_spread_call(call, &read, &status)) return call.failed() ? nullptr : call.give_integer(status);
  const size_t reached = spread_one_hop(read.context.execution(call.state()), read.spread, read.activations, read.from,
                                        read.end, read.output + (read.from - read.start));
  return call.give_integer(static_cast<int64_t>(reached));
}

napi_value spread_active(Call& call) {
  SpreadCall read;
  int status = kit::kDone;
  if (!read_spread_call(call, &read, &status)) return call.failed() ? nullptr : call.give_integer(status);
  const size_t hops = call.count_scalar(kHopsScalar);
  const bool is_whole = read.start == 0 && read.end == read.spread.nodes;
  if (call.failed()) return nullptr;
  if (hops == 0 || (hops > 1 && !is_whole)) {
    call.fail(ErrorType::range, "hops: expected at least one hop, over all nodes when there are more");
    return nullptr;
  }
  return call.give_integer(static_cast<int64_t>(
      spread_active_nodes(read.spread, read.activations, hops, read.start, read.end, read.output)));
}

}  // namespace gearshift::binding
