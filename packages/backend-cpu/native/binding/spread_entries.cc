#include "binding/call_context.h"
#include "binding/entries.h"
#include "binding/spread_arguments.h"
#include "binding/spread_calls.h"
#include "binding/status.h"

namespace gearshift::binding {

SharedOperand* find_ready_graph(Call& call, size_t index) noexcept {
  SharedOperand* operand = call.state().handles().find(call.integer(index));
  if (operand != nullptr && operand->graph != nullptr && operand->is_ready()) return operand;
  call.fail("handle: it names no graph that is ready");
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
  const CallContext context = read_context(call, 0);
  SharedOperand* operand = find_ready_graph(call, 1);
  const ArrayView<float> activations = call.floats(2);
  const ArrayView<float> output = call.floats(3);
  const size_t start = call.count(4);
  const size_t end = call.count(5);
  const size_t from = call.count(6);
  const SpreadScalars scalars = read_spread_scalars(call, 7);
  if (call.failed()) return nullptr;
  const size_t nodes = operand->key().shape[0];
  if (start > from || from > end || end > nodes) {
    call.fail("start, from, end: expected nodes in ascending order");
    return nullptr;
  }
  if (activations.length < nodes) return call.give_integer(kInputGone);
  if (output.length < end - start) return call.give_integer(kOutputGone);
  const size_t reached =
      spread_one_hop(context.execution(call.state()), describe_spread(context, *operand, scalars), activations.data,
                     from, end, output.data + (from - start));
  return call.give_integer(static_cast<int64_t>(reached));
}

}  // namespace gearshift::binding
