// Resident copies: found or made, filled in slices on the thread that owns the values, shared by the whole process.
#include <algorithm>
#include <cstring>

#include "binding/call_context.h"
#include "binding/entries.h"
#include "binding/resident_fill.h"
#include "binding/shared_operand.h"
#include "kit/binding/external_memory.h"
#include "kit/status.h"

namespace gearshift::binding {
namespace {

SharedOperand* find(Call& call, size_t index) noexcept {
  SharedOperand* operand = call.state().handles().find(call.integer(index));
  if (operand == nullptr) call.fail(ErrorType::range, "handle: it names nothing");
  return operand;
}

napi_value open(Call& call, OperandKind kind) noexcept {
  OperandKey key{kind, call.integer(0), call.integer(1), {call.count(2), call.count(3)}};
  if (call.failed()) return nullptr;
  kit::Status status = kit::kDone;
  auto operand = OperandRegistry::open<SharedOperand>(key, &status, [&key] { return SharedOperand::create(key); });
  if (operand == nullptr) return call.give_integer(status == kit::kDone ? kit::kOutOfMemory : status);
  const size_t bytes = operand->reported_bytes();
  const int64_t handle = call.state().handles().add(std::move(operand));
  if (handle == 0) return call.give_integer(kit::kOutOfMemory);
  kit::report_memory(call.env(), bytes);
  return call.give_integer(handle);
}

/** How many elements are copied before the clock is looked at. */
constexpr size_t kCopyElements = 64 * 1024;

/** Calls copy(from, stop) for one block after another of the elements [from, count) until the time is over; the next element. */
template <typename Copy>
size_t copy_until(int64_t deadline_ns, size_t from, size_t count, const Copy& copy) noexcept {
  while (from < count) {
    const size_t stop = std::min(count, from + kCopyElements);
    copy(from, stop);
    from = stop;
    if (now_ns() >= deadline_ns) break;
  }
  return from;
}

}  // namespace

napi_value open_matrix(Call& call) { return open(call, OperandKind::matrix); }
napi_value open_graph(Call& call) { return open(call, OperandKind::graph); }

napi_value resident_state(Call& call) {
  SharedOperand* operand = find(call, 0);
  if (call.failed()) return nullptr;
  return call.give_integer(static_cast<int>(OperandRegistry::claim(*operand, {&call.state(), call.integer(0)})));
}

napi_value resident_bytes(Call& call) {
  SharedOperand* operand = find(call, 0);
  if (call.failed()) return nullptr;
  return call.give_integer(operand->is_ready() ? static_cast<int64_t>(operand->bytes()) : 0);
}

napi_value fill_matrix(Call& call) {
  const CallContext context = read_context(call, 0);
  SharedOperand* operand = call.failed() ? nullptr : find_to_fill(call, 1, OperandKind::matrix);
  const ArrayView<float> values = call.floats(2);
  const size_t from = call.count(3);
  if (call.failed()) return nullptr;
  const size_t rows = operand->key().shape[0];
  if (from > rows) {
    call.fail(ErrorType::range, "from: expected a row of the matrix");
    return nullptr;
  }
  if (rows > 0 && values.length / rows < operand->key().shape[1]) return call.give_integer(kit::kInputGone);
  const size_t reached = fill_rows(context.execution(call.state()), context, *operand->matrix, values.data, from, rows,
                                   operand->key().shape[1]);
  if (reached == rows) operand->mark_ready();
  return call.give_integer(static_cast<int64_t>(reached));
}

napi_value fill_graph(Call& call) {
  const CallContext context = read_context(call, 0);
  SharedOperand* operand = call.failed() ? nullptr : find_to_fill(call, 1, OperandKind::graph);
  const ArrayView<uint32_t> row_pointers = call.uints(2);
  const ArrayView<uint32_t> columns = call.uints(3);
  const ArrayView<float> weights = call.floats(4);
  const size_t from = call.count(5);
  if (call.failed()) return nullptr;
  const size_t nodes = operand->key().shape[0];
  const size_t edges = operand->key().shape[1];
  if (row_pointers.length != nodes + 1 || columns.length != edges || weights.length != edges) {
    return call.give_integer(kit::kInputGone);
  }
  if (!operand->staging.is_allocated() || from == 0) {
    if (from != 0) {
      call.fail(ErrorType::range, "from: expected 0 at first");
      return nullptr;
    }
    if (!operand->staging.allocate(nodes, edges)) return call.give_integer(kit::kOutOfMemory);
  }
  const int64_t deadline_ns = now_ns() + context.slice_ns;
  GraphStaging& staging = operand->staging;
  if (from == 0) std::memcpy(staging.row_pointers(), row_pointers.data, sizeof(uint32_t));
  size_t position = from;
  if (position < nodes) {
    // Pointer 0 is the start of the first row; position n is the end of row n.
    position = copy_until(deadline_ns, position, nodes, [&](size_t node, size_t stop) {
      std::memcpy(staging.row_pointers() + 1 + node, row_pointers.data + 1 + node, (stop - node) * sizeof(uint32_t));
    });
  }
  if (position >= nodes && position < nodes + edges) {
    position = nodes + copy_until(deadline_ns, position - nodes, edges, [&](size_t edge, size_t stop) {
      std::memcpy(staging.columns() + edge, columns.data + edge, (stop - edge) * sizeof(uint32_t));
      std::memcpy(staging.weights() + edge, weights.data + edge, (stop - edge) * sizeof(float));
    });
  }
  return call.give_integer(static_cast<int64_t>(position));
}

napi_value build_graph(Call& call) {
  const CallContext context = read_context(call, 0);
  SharedOperand* operand = call.failed() ? nullptr : find_to_fill(call, 1, OperandKind::graph);
  if (call.failed()) return nullptr;
  return call.give_integer(build_resident_graph(*operand, now_ns() + context.slice_ns, nullptr));
}

napi_value matches_matrix(Call& call) {
  SharedOperand* operand = find(call, 0);
  const ArrayView<float> values = call.floats(1);
  if (call.failed()) return nullptr;
  if (operand->matrix == nullptr || !operand->is_ready()) {
    call.fail(ErrorType::range, "handle: it names no matrix that is ready");
    return nullptr;
  }
  return call.give_bool(holds_sample_of(operand->matrix->view(), values.data, values.length));
}

napi_value release(Call& call) {
  const int64_t handle = call.integer(0);
  const kit::Ref<SharedOperand> operand = call.state().handles().remove(handle);
  if (operand == nullptr) return nullptr;
  kit::take_back_memory(call.env(), operand->reported_bytes());
  OperandRegistry::give_up(*operand, {&call.state(), handle});
  return nullptr;
}

napi_value report_memory(Call& call) {
  const size_t bytes = call.count(1);
  if (call.failed()) return nullptr;
  return call.give_integer(kit::report_memory_of(call.env(), call.raw(0), bytes));
}

}  // namespace gearshift::binding
