#include "binding/call_context.h"
#include "binding/entries.h"
#include "binding/spread_arguments.h"
#include "binding/spread_calls.h"
#include "kit/status.h"

namespace gearshift::binding {

SharedOperand* find_ready_graph(Call& call, int64_t handle) noexcept {
  OperandHandle* found = call.state().handles().find(handle);
  if (found != nullptr && found->operand().graph != nullptr && found->operand().is_ready()) return &found->operand();
  call.fail(ErrorType::range, "handle: it names no graph that is ready");
  return nullptr;
}

Spread describe_spread(const CallContext& context, const SharedOperand& operand, const SpreadScalars& scalars) noexcept {
  return {context.kernels,       context.spreads, operand.graph.get(), operand.key().shape[0], operand.key().shape[1],
          scalars.decay, scalars.retention, scalars.threshold};
}

SpreadScalars read_spread_scalars(Call& call, size_t index) noexcept {
  return {static_cast<float>(call.number(index)), static_cast<float>(call.number(index + 1)),
          static_cast<float>(call.number(index + 2))};
}

napi_value spread(Call& call) {
  const CallContext context = read_block_context(call);
  if (call.failed()) return nullptr;
  SharedOperand* operand = find_ready_graph(call, static_cast<int64_t>(call.count_scalar(kHandleScalar)));
  const ArrayView<float> activations = call.floats(0);
  const ArrayView<float> output = call.floats(1);
  const size_t start = call.count_scalar(kStartScalar);
  const size_t end = call.count_scalar(kEndScalar);
  const size_t from = call.count_scalar(kFromScalar);
  const SpreadScalars scalars{call.float_scalar(kDecayScalar), call.float_scalar(kRetentionScalar),
                              call.float_scalar(kThresholdScalar)};
  if (call.failed()) return nullptr;
  const size_t nodes = operand->key().shape[0];
  if (start > from || from > end || end > nodes) {
    call.fail(ErrorType::range, "start, from, end: expected nodes in ascending order");
    return nullptr;
  }
  if (activations.length < nodes) return call.give_integer(kit::kInputGone);
  if (output.length < end - start) return call.give_integer(kit::kOutputGone);
  const size_t reached =
      spread_one_hop(context.execution(call.state()), describe_spread(context, *operand, scalars), activations.data,
                     from, end, output.data + (from - start));
  return call.give_integer(static_cast<int64_t>(reached));
}

}  // namespace gearshift::binding
