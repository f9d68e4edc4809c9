#include <utility>

#include "binding/entries.h"
#include "binding/report.h"
#include "kit/binding/external_memory.h"
#include "kit/clock.h"

namespace gearshift::cuda::binding {
namespace {

SharedOperand* find_operand(Call& call, size_t index) noexcept {
  SharedOperand* const operand = call.state().operands().find(call.integer(index));
  if (operand == nullptr) call.fail(ErrorType::type, "handle: it names nothing");
  return operand;
}

/** A copy that this handle is to fill. */
SharedOperand* find_to_fill(Call& call, size_t index, OperandKind kind) noexcept {
  SharedOperand* const operand = find_operand(call, index);
  if (call.failed()) return nullptr;
  if (operand->key().kind == kind &&
      OperandRegistry::claim(*operand, {&call.state(), call.integer(index)}) == FillState::ours) {
    return operand;
  }
  call.fail(ErrorType::type, "handle: it names nothing that is the caller's to fill");
  return nullptr;
}

napi_value give_handle(Call& call, OpenedOperand opened) noexcept {
  if (opened.operand == nullptr) return give_outcome(call, opened.outcome);
  const int64_t handle = call.state().operands().add(std::move(opened.operand));
  return handle != 0 ? call.give_integer(handle) : give_outcome(call, {Failure::no_host_memory});
}

/** A code of DTYPE_CODES and a scale. */
kit::ElementFormat read_format(Call& call, size_t dtype_index, size_t scale_index) noexcept {
  const size_t dtype = call.count(dtype_index);
  const double scale = call.number(scale_index);
  if (!call.failed() && (dtype < 1 || dtype > kit::kElementTypes)) call.fail(ErrorType::range, "dtype: expected 1 to 4");
  if (call.failed()) return {};
  const auto type = static_cast<kit::ElementType>(dtype);
  return {type, type == kit::ElementType::int8 ? static_cast<float>(scale) : 1.0f};
}

struct ElementView {
  const void* data;
  size_t length;
};

/** An array of elements of this type. */
ElementView read_elements(Call& call, size_t index, kit::ElementType type) noexcept {
  const auto view_of = [](const auto& array) { return ElementView{array.data, array.length}; };
  switch (type) {
    case kit::ElementType::float32: return view_of(call.floats(index));
    case kit::ElementType::int8: return view_of(call.int8s(index));
    default: return view_of(call.halves(index));
  }
}

napi_value open(Call& call, OperandKind kind) noexcept {
  Device* const device = find_device(call, 0);
  OperandKey key{kind, call.integer(1), call.integer(2), {call.count(3), call.count(4)}};
  const size_t companion = kind == OperandKind::graph ? 0 : call.count(5);
  if (kind == OperandKind::matrix) key.format = read_format(call, 6, 7);
  if (!call.failed() && companion > static_cast<size_t>(Companion::int8)) {
    call.fail(ErrorType::range, "companion: expected 0 to 2");
  }
  if (call.failed()) return nullptr;
  key.device = device->ordinal();
  return give_handle(call, open_operand(DeviceRef::retain(device), key, static_cast<Companion>(companion)));
}

UploadTime slice_of(double slice_ms) noexcept {
  UploadTime time;
  time.deadline_ns = kit::now_ns() + static_cast<int64_t>(slice_ms * 1e6);
  return time;
}

/** 1: filled. 0: come back. Below 0: a status. */
napi_value give_progress(Call& call, const Outcome& outcome, bool finished) noexcept {
  return outcome.ok() ? call.give(finished ? 1 : 0) : give_outcome(call, outcome);
}

}  // namespace

napi_value open_matrix(Call& call) { return open(call, OperandKind::matrix); }
napi_value open_graph(Call& call) { return open(call, OperandKind::graph); }

napi_value open_rows(Call& call) {
  Device* const device = find_device(call, 0);
  const size_t first = call.count(1);
  const size_t rows = call.count(2);
  const size_t dimensions = call.count(3);
  const kit::ElementFormat format = read_format(call, 5, 6);
  kit::OwnedArray<uint32_t> gathered;
  bool has_memory = true;
  if (!call.is_undefined(4)) {
    const ArrayView<uint32_t> candidates = call.uints(4);
    if (candidates.length != rows) call.fail(ErrorType::range, "candidates: expected as many as rows");
    has_memory = gathered.copy_from(candidates.data, candidates.length);
  }
  if (call.failed()) return nullptr;
  if (!has_memory) return give_outcome(call, {Failure::no_host_memory});
  return give_handle(call, open_part(DeviceRef::retain(device), rows, dimensions, format, first, std::move(gathered)));
}

napi_value update_matrix(Call& call) {
  SharedOperand* const operand = find_operand(call, 0);
  const int64_t version = call.integer(1);
  const size_t start = call.count(2);
  const size_t end = call.count(3);
  if (!call.failed() && (operand->is_graph() || start > end || end > operand->key().shape[0])) {
    call.fail(ErrorType::range, "rows: expected rows of a matrix");
  }
  if (call.failed()) return nullptr;
  // From here on the copy is this handle's to fill: no other thread reads the range before it is given up.
  const bool is_updated = OperandRegistry::change_version(*operand, version, {&call.state(), call.integer(0)});
  if (is_updated) operand->fill_again(start, end);
  return call.give(is_updated ? 1 : 0);
}

napi_value resident_state(Call& call) {
  SharedOperand* const operand = find_operand(call, 0);
  if (call.failed()) return nullptr;
  return call.give_integer(static_cast<int>(OperandRegistry::claim(*operand, {&call.state(), call.integer(0)})));
}

napi_value resident_bytes(Call& call) {
  SharedOperand* const operand = find_operand(call, 0);
  return call.failed() ? nullptr : call.give(operand->is_ready() ? static_cast<double>(operand->bytes()) : 0);
}

napi_value fill_matrix(Call& call) {
  SharedOperand* const operand = find_to_fill(call, 0, OperandKind::matrix);
  if (call.failed()) return nullptr;
  const ElementView elements = read_elements(call, 1, operand->key().format.type);
  const UploadTime time = slice_of(call.number(2));
  if (call.failed()) return nullptr;
  bool finished = false;
  const Outcome outcome = operand->advance_matrix(elements.data, elements.length, time, &finished);
  return give_progress(call, outcome, finished);
}

napi_value mark_ready(Call& call) {
  SharedOperand* const operand = find_to_fill(call, 0, OperandKind::matrix);
  if (!call.failed() && !operand->is_filled()) call.fail(ErrorType::type, "handle: it names a copy that is not filled");
  if (!call.failed()) operand->mark_ready();
  return nullptr;
}

napi_value fill_graph(Call& call) {
  SharedOperand* const operand = find_to_fill(call, 0, OperandKind::graph);
  const ArrayView<uint32_t> row_pointers = call.uints(1);
  const ArrayView<uint32_t> columns = call.uints(2);
  const ArrayView<float> weights = call.floats(3);
  const UploadTime time = slice_of(call.number(4));
  if (call.failed()) return nullptr;
  const auto& [nodes, edges] = operand->key().shape;
  if (row_pointers.length != nodes + 1 || columns.length != edges || weights.length != edges) {
    return give_outcome(call, {Failure::input_gone});
  }
  bool finished = false;
  const Outcome outcome = operand->advance_graph(row_pointers.data, columns.data, weights.data, time, &finished);
  return give_progress(call, outcome, finished);
}

napi_value matches_matrix(Call& call) {
  SharedOperand* const operand = find_operand(call, 0);
  if (!call.failed() && (operand->is_graph() || !operand->is_ready())) {
    call.fail(ErrorType::type, "handle: it names no matrix that is ready");
  }
  if (call.failed()) return nullptr;
  const ElementView elements = read_elements(call, 1, operand->key().format.type);
  return call.failed() ? nullptr : call.give_bool(operand->holds_sample_of(elements.data, elements.length));
}

napi_value release(Call& call) {
  const int64_t handle = call.integer(0);
  const kit::Ref<SharedOperand> operand = call.state().operands().remove(handle);
  if (operand != nullptr) OperandRegistry::give_up(*operand, {&call.state(), handle});
  return nullptr;
}

napi_value report_memory(Call& call) {
  const size_t bytes = call.count(1);
  if (call.failed()) return nullptr;
  return call.give_integer(kit::report_memory_of(call.env(), call.raw(0), bytes));
}

}  // namespace gearshift::cuda::binding
