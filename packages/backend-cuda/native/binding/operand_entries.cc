#include <algorithm>

#include "binding/entries.h"
#include "binding/report.h"
#include "device/clock.h"

namespace gearshift::cuda::binding {
namespace {

DeviceRef find_device(Call& call) noexcept {
  DeviceRef device = call.state().find_device(call.integer());
  if (device == nullptr) call.fail("device: it names nothing");
  return device;
}

std::shared_ptr<SharedOperand> find_operand(Call& call, int64_t handle) noexcept {
  auto operand = call.state().find_operand(handle);
  if (operand == nullptr) call.fail("handle: it names nothing");
  return operand;
}

/** A copy that this handle is to fill. */
std::shared_ptr<SharedOperand> find_to_fill(Call& call, bool is_graph) noexcept {
  const int64_t handle = call.integer();
  auto operand = find_operand(call, handle);
  if (call.failed()) return nullptr;
  if (operand->key().is_graph == is_graph &&
      OperandRegistry::claim(*operand, {&call.state(), handle}) == FillState::ours) {
    return operand;
  }
  call.fail("handle: it names nothing that is the caller's to fill");
  return nullptr;
}

napi_value give_handle(Call& call, OperandRegistry::Opened opened) {
  if (opened.operand == nullptr) return give_outcome(call, opened.outcome);
  return call.give(static_cast<double>(call.state().add_operand(std::move(opened.operand))));
}

napi_value open(Call& call, bool is_graph) {
  const DeviceRef device = find_device(call);
  OperandKey key{0, is_graph, call.integer(), call.integer(), {call.count(), call.count()}};
  const size_t companion = is_graph ? 0 : call.count();
  if (!call.failed() && companion > static_cast<size_t>(Companion::int8)) call.fail("companion: expected 0 to 2", true);
  if (call.failed()) return nullptr;
  key.companion = static_cast<Companion>(companion);
  key.ordinal = device->ordinal();
  return give_handle(call, OperandRegistry::open(device, key));
}

UploadTime slice_of(double slice_ms) noexcept {
  UploadTime time;
  time.deadline_ns = now_ns() + static_cast<int64_t>(slice_ms * 1e6);
  return time;
}

/** 1: filled. 0: come back. Below 0: a status. */
napi_value give_progress(Call& call, const Outcome& outcome, bool finished) noexcept {
  return outcome.ok() ? call.give(finished ? 1 : 0) : give_outcome(call, outcome);
}

}  // namespace

napi_value open_matrix(Call& call) { return open(call, false); }
napi_value open_graph(Call& call) { return open(call, true); }

napi_value open_rows(Call& call) {
  const DeviceRef device = find_device(call);
  const size_t first = call.count();
  const size_t rows = call.count();
  const size_t dimensions = call.count();
  std::vector<uint32_t> gathered;
  if (!call.skip_undefined()) {
    const ArrayView<uint32_t> candidates = call.uints();
    gathered.assign(candidates.data, candidates.data + candidates.length);
    if (gathered.size() != rows) call.fail("candidates: expected as many as rows", true);
  }
  if (call.failed()) return nullptr;
  return give_handle(call, OperandRegistry::open_part(device, rows, dimensions, first, std::move(gathered)));
}

napi_value update_matrix(Call& call) {
  const int64_t handle = call.integer();
  const int64_t version = call.integer();
  const size_t start = call.count();
  const size_t end = call.count();
  auto held = call.state().take_operand(handle);
  if (held == nullptr) call.fail("handle: it names nothing");
  else if (held->key().is_graph || start > end || end > held->key().shape[0]) call.fail("rows: expected rows of a matrix", true);
  if (held != nullptr && call.failed()) call.state().put_operand(handle, held);
  if (call.failed()) return nullptr;
  auto updated = OperandRegistry::take_over(held, version, start, end);
  const bool is_updated = updated != nullptr;
  call.state().put_operand(handle, is_updated ? std::move(updated) : std::move(held));
  return call.give(is_updated ? 1 : 0);
}

napi_value resident_state(Call& call) {
  const int64_t handle = call.integer();
  const auto operand = find_operand(call, handle);
  if (call.failed()) return nullptr;
  return call.give(static_cast<double>(OperandRegistry::claim(*operand, {&call.state(), handle})));
}

napi_value resident_bytes(Call& call) {
  const auto operand = find_operand(call, call.integer());
  return call.failed() ? nullptr : call.give(operand->is_ready() ? static_cast<double>(operand->bytes()) : 0);
}

napi_value fill_matrix(Call& call) {
  const auto operand = find_to_fill(call, false);
  const ArrayView<float> values = call.floats();
  const UploadTime time = slice_of(call.number());
  if (call.failed()) return nullptr;
  bool finished = false;
  const Outcome outcome = operand->advance_matrix(values.data, values.length, time, &finished);
  return give_progress(call, outcome, finished);
}

napi_value fill_graph(Call& call) {
  const auto operand = find_to_fill(call, true);
  const ArrayView<uint32_t> row_pointers = call.uints();
  const ArrayView<uint32_t> columns = call.uints();
  const ArrayView<float> weights = call.floats();
  const UploadTime time = slice_of(call.number());
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
  const auto operand = find_operand(call, call.integer());
  const ArrayView<float> values = call.floats();
  if (!call.failed() && !operand->is_ready()) call.fail("handle: it names no matrix that is ready");
  return call.failed() ? nullptr : call.give_bool(operand->holds_sample_of(values.data, values.length));
}

napi_value release(Call& call) {
  const int64_t handle = call.integer();
  if (!call.failed()) call.state().remove_operand(handle);
  return nullptr;
}

}  // namespace gearshift::cuda::binding
