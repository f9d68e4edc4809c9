// Resident copies: found or made, filled in slices on the thread that owns the values, shared by the whole process.
#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "binding/call_context.h"
#include "binding/element_arguments.h"
#include "binding/entries.h"
#include "binding/resident_fill.h"
#include "binding/saved_codes.h"
#include "binding/scan_calls.h"
#include "core/row_codes.h"
#include "kit/binding/external_memory.h"
#include "kit/status.h"

namespace gearshift::binding {
namespace {

OperandHandle* find(Call& call, size_t index) noexcept {
  OperandHandle* handle = call.state().handles().find(call.integer(index));
  if (handle == nullptr) call.fail(ErrorType::range, "handle: it names nothing");
  return handle;
}

/** A new handle, or kOutOfMemory. */
int64_t add_handle(Call& call, kit::Ref<SharedOperand> operand, const RowPlace& place,
                   const PlaceArguments& arguments) noexcept {
  std::unique_ptr<OperandHandle> made(new (std::nothrow) OperandHandle(std::move(operand), place));
  if (made == nullptr) return kit::kOutOfMemory;
  OperandHandle& handle = *made;
  if (place.rows != nullptr && !handle.references().take(call, arguments, place)) return kit::kOutOfMemory;
  auto reference = kit::Ref<OperandHandle>::adopt(made.release());
  const int64_t number = call.state().handles().add(reference);
  if (number == 0) {
    handle.references().drop(call.env());
    return kit::kOutOfMemory;
  }
  handle.report(call.env());
  return number;
}

constexpr PlaceArguments kOpenPlace = place_arguments(6, 7, 12);
constexpr SavedArguments kOpenCodes{11, 12, 13, 14, 15};
constexpr PlaceArguments kUpdatePlace = place_arguments(4, 5);

napi_value open(Call& call, const OperandKey& key, const RowPlace& place, const PlaceArguments& arguments) noexcept {
  const GivenCodes codes = place.has_codes ? read_saved_codes(call, kOpenCodes, key.shape[1]) : GivenCodes{};
  if (call.failed()) return nullptr;
  kit::Status status = kit::kDone;
  auto operand = OperandRegistry::open<SharedOperand>(key, &status, [&] {
    auto created = SharedOperand::create(key);
    if (created != nullptr && codes.are_given) {
      take_saved_codes(codes, const_cast<kit::AtomicInt*>(place.version.control), *created);
    }
    return created;
  });
  if (operand == nullptr) return call.give_integer(status == kit::kDone ? kit::kOutOfMemory : status);
  return call.give_integer(add_handle(call, std::move(operand), place, arguments));
}

/** Of copyCodes; there are no values. */
constexpr PlaceArguments kCopiedPlace = place_arguments(kNoArgument, 6);

/** Reads ascending ranges of the rows below `row_count`, and adds those from there to `end`. */
bool read_missing(Call& call, size_t index, size_t row_count, size_t end, MissingRows& missing) noexcept {
  const ArrayView<double> bounds = call.doubles(index);
  if (call.failed()) return false;
  size_t reached = 0;
  bool has_memory = true;
  for (size_t i = 0; i + 1 < bounds.length; i += 2) {
    const double first = bounds.data[i];
    const double last = bounds.data[i + 1];
    if (!(first >= static_cast<double>(reached) && first <= last && last <= static_cast<double>(end))) {
      call.fail(ErrorType::range, "ranges: expected ascending ranges of rows");
      return false;
    }
    reached = static_cast<size_t>(last);
    const size_t start = static_cast<size_t>(first);
    if (start < std::min(reached, row_count)) has_memory &= missing.add(start, std::min(reached, row_count));
  }
  return has_memory && missing.add(row_count, end);
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

napi_value open_matrix(Call& call) {
  OperandKey key{OperandKind::matrix, call.integer(0), call.integer(1), {call.count(2), call.count(3)}};
  key.format = read_format(call, 4, 5);
  if (call.failed()) return nullptr;
  RowPlace place;
  if (is_given(call, kOpenPlace.values)) {
    int status = kit::kDone;
    place = read_place(call, kOpenPlace, key.format, key.shape[0], key.shape[1], &status);
    if (call.failed()) return nullptr;
    if (status < 0) return call.give_integer(status);
    key.device = kInPlace;
  }
  return open(call, key, place, kOpenPlace);
}

napi_value open_graph(Call& call) {
  const OperandKey key{OperandKind::graph, call.integer(0), call.integer(1), {call.count(2), call.count(3)}};
  return call.failed() ? nullptr : open(call, key, {}, kOpenPlace);
}

napi_value update_matrix(Call& call) {
  OperandHandle* handle = find(call, 0);
  if (call.failed()) return nullptr;
  SharedOperand& operand = handle->operand();
  if (operand.matrix == nullptr || !operand.is_ready()) {
    call.fail(ErrorType::range, "handle: it names no matrix that is ready");
    return nullptr;
  }
  const size_t row_count = operand.key().shape[0];
  OperandKey key = operand.key();
  key.version = call.integer(1);
  key.shape[0] = call.count(2);
  if (call.failed()) return nullptr;
  const bool is_in_place = operand.matrix->is_in_place();
  if (key.shape[0] < row_count || (!is_in_place && key.shape[0] != row_count)) return call.give_integer(0);
  RowPlace place;
  if (is_in_place) {
    int status = kit::kDone;
    place = read_place(call, kUpdatePlace, key.format, key.shape[0], key.shape[1], &status);
    if (call.failed()) return nullptr;
    if (status < 0) return call.give_integer(status);
    if (!place.is_same_memory(handle->place())) return call.give_integer(0);
  }
  MissingRows missing;
  if (!read_missing(call, 3, row_count, key.shape[0], missing)) return call.failed() ? nullptr : call.give_integer(kit::kOutOfMemory);

  const auto prepare = [&] {
    if (is_in_place && !operand.matrix->resize(key.shape[0])) return false;
    operand.missing = std::move(missing);
    return true;
  };
  // A step of a build of codes reads the rows and the key; it ends within a millisecond.
  bool is_changed;
  {
    std::lock_guard<std::mutex> lock(operand.between_steps);
    is_changed = OperandRegistry::change_key(operand, key, {&call.state(), call.integer(0)}, prepare);
  }
  if (is_changed) {
    handle->move_to(place);
    handle->report(call.env());
    return call.give_integer(call.integer(0));
  }
  if (!is_in_place) return call.give_integer(0);

  // Another reader still uses the earlier version: the later one gets norms of its own, and takes over those of the other rows.
  auto earlier = kit::Ref<SharedOperand>::retain(&operand);
  kit::Status status = kit::kDone;
  auto later = OperandRegistry::open<SharedOperand>(key, &status, [&] {
    auto created = SharedOperand::create(key);
    if (created == nullptr) return created;
    created->missing = std::move(missing);
    created->earlier = std::move(earlier);
    return created;
  });
  if (later == nullptr) return call.give_integer(status == kit::kDone ? kit::kOutOfMemory : status);
  return call.give_integer(add_handle(call, std::move(later), place, kUpdatePlace));
}

napi_value resident_state(Call& call) {
  OperandHandle* handle = find(call, 0);
  if (call.failed()) return nullptr;
  return call.give_integer(static_cast<int>(OperandRegistry::claim(handle->operand(), {&call.state(), call.integer(0)})));
}

napi_value resident_bytes(Call& call) {
  OperandHandle* handle = find(call, 0);
  if (call.failed()) return nullptr;
  handle->report_changes(call.env());
  return call.give_integer(handle->operand().is_ready() ? static_cast<int64_t>(handle->operand().bytes()) : 0);
}

napi_value read_codes(Call& call) {
  OperandHandle* handle = find(call, 0);
  const ArrayView<double> numbers = call.doubles(1);
  if (call.failed()) return nullptr;
  const SharedOperand& operand = handle->operand();
  if (numbers.length < 4) {
    call.fail(ErrorType::range, "numbers: expected four elements");
    return nullptr;
  }
  const bool is_ready = operand.matrix != nullptr && operand.is_ready();
  numbers.data[0] = is_ready ? static_cast<double>(operand.matrix->coded_rows()) : 0;
  numbers.data[1] = is_ready ? static_cast<double>(operand.matrix->code_bytes()) : 0;
  numbers.data[2] = is_ready ? static_cast<double>(operand.matrix->saved_code_bytes()) : 0;
  numbers.data[3] = is_ready && operand.matrix->is_coded() ? 1 : 0;
  return nullptr;
}

napi_value missing_beside_codes(Call& call) {
  const OperandHandle* handle = find_to_fill(call, 0, OperandKind::matrix);
  if (call.failed()) return nullptr;
  const SharedOperand& operand = handle->operand();
  return call.give_integer(operand.matrix->saved_code_bytes() > 0 ? static_cast<int64_t>(operand.missing.count()) : -1);
}

napi_value describe_codes(Call& call) {
  const CallContext context = read_context(call, 0);
  OperandHandle* handle = find(call, 1);
  const ArrayView<uint8_t> target = call.bytes(2);
  if (call.failed()) return nullptr;
  SharedOperand& operand = handle->operand();
  if (operand.matrix == nullptr) return call.give_integer(0);
  std::lock_guard<std::mutex> lock(operand.between_steps);
  const ResidentMatrix& matrix = *operand.matrix;
  if (!operand.is_ready() || !matrix.has_codes()) return call.give_integer(0);
  if (target.length != matrix.description_bytes()) {
    call.fail(ErrorType::range, "target: expected as many bytes as a description has");
    return nullptr;
  }
  matrix.describe_codes(*context.kernels, target.data);
  return call.give_integer(matrix.code_build());
}

napi_value copy_codes(Call& call) {
  const CallContext context = read_context(call, 0);
  // Released meanwhile, perhaps.
  OperandHandle* handle = call.state().handles().find(call.integer(1));
  const int64_t build = call.integer(2);
  const size_t part = call.count(3);
  const size_t start = call.count(4);
  const ArrayView<uint8_t> target = call.bytes(5);
  if (call.failed()) return nullptr;
  if (part >= SavedCodes::kParts) {
    call.fail(ErrorType::range, "part: expected one of those that codes have");
    return nullptr;
  }
  if (handle == nullptr || handle->operand().matrix == nullptr) return call.give_integer(kit::kInputGone);
  SharedOperand& operand = handle->operand();
  const OperandKey& key = operand.key();
  const size_t bytes = SavedCodes::bytes_of_part(part, key.shape[1]);
  const size_t count = target.length / bytes;
  RowPlace place;
  if (is_given(call, kCopiedPlace.control)) {
    int status = kit::kDone;
    const auto sequence = static_cast<int32_t>(call.integer(kCopiedPlace.sequence));
    read_stored_version(call, kCopiedPlace, key.format, start + count, key.shape[1], sequence, place, &status);
    if (call.failed()) return nullptr;
    if (status < 0) return call.give_integer(status);
  }
  // Rows are added, and codes are given up, under this lock.
  std::lock_guard<std::mutex> lock(operand.between_steps);
  const ResidentMatrix& matrix = *operand.matrix;
  if (build == 0 || matrix.code_build() != build) return call.give_integer(kit::kInputGone);
  if (start > matrix.row_count() || count > matrix.row_count() - start) return call.give_integer(kit::kInputGone);
  MatrixView view = matrix.view();
  view.version = place.stored_version();
  matrix.copy_codes(*context.kernels, view, part, start, count, target.data);
  return call.give_integer(kit::kDone);
}

napi_value code_bytes_for(Call& call) {
  const ElementFormat format = read_format(call, 0, 1);
  const size_t rows = call.count(2);
  const size_t dimensions = call.count(3);
  if (call.failed()) return nullptr;
  const bool pays = pays_to_code(rows, dimensions * format.bytes(), dimensions);
  return call.give_integer(pays ? static_cast<int64_t>(RowCodes::bytes_of(rows, dimensions)) : 0);
}

napi_value ranking_form(Call& call) {
  OperandHandle* handle = find(call, 0);
  const size_t range = call.count(1);
  const size_t considered = call.count(2);
  const size_t k = call.count(3);
  const size_t queries = call.count(4);
  if (call.failed()) return nullptr;
  const SharedOperand& operand = handle->operand();
  if (operand.matrix == nullptr || !operand.is_ready()) return call.give_integer(0);
  return call.give_integer(static_cast<int64_t>(ranking_form(handle->view(), range, considered, k, queries)));
}

napi_value transpose_due(Call& call) {
  OperandHandle* handle = find(call, 0);
  if (call.failed()) return nullptr;
  // Another thread may have made the form that this one shares.
  handle->report_changes(call.env());
  return call.give_bool(handle->operand().transposed.take_due());
}

napi_value fill_matrix(Call& call) {
  const CallContext context = read_context(call, 0);
  OperandHandle* handle = call.failed() ? nullptr : find_to_fill(call, 1, OperandKind::matrix);
  const size_t from = call.count(3);
  if (call.failed()) return nullptr;
  SharedOperand& operand = handle->operand();
  const void* values = handle->place().rows;
  if (!operand.matrix->is_in_place()) {
    const ArrayView<const void> source = read_elements(call, 2, operand.key().format.type);
    if (call.failed()) return nullptr;
    const size_t rows = operand.key().shape[0];
    if (rows > 0 && source.length / rows < operand.key().shape[1]) return call.give_integer(kit::kInputGone);
    values = source.data;
  }
  if (from > operand.missing.count()) {
    call.fail(ErrorType::range, "from: expected a position among the missing rows");
    return nullptr;
  }
  return call.give_integer(
      fill_rows(context.execution(call.state()), context, operand, values, handle->place().stored_version(), from));
}

napi_value fill_graph(Call& call) {
  const CallContext context = read_context(call, 0);
  OperandHandle* handle = call.failed() ? nullptr : find_to_fill(call, 1, OperandKind::graph);
  const ArrayView<uint32_t> row_pointers = call.uints(2);
  const ArrayView<uint32_t> columns = call.uints(3);
  const ArrayView<float> weights = call.floats(4);
  const size_t from = call.count(5);
  if (call.failed()) return nullptr;
  SharedOperand* operand = &handle->operand();
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
  OperandHandle* handle = call.failed() ? nullptr : find_to_fill(call, 1, OperandKind::graph);
  if (call.failed()) return nullptr;
  return call.give_integer(build_resident_graph(handle->operand(), now_ns() + context.slice_ns, nullptr));
}

napi_value matches_matrix(Call& call) {
  OperandHandle* handle = find(call, 0);
  if (call.failed()) return nullptr;
  const SharedOperand& operand = handle->operand();
  if (operand.matrix == nullptr || !operand.is_ready()) {
    call.fail(ErrorType::range, "handle: it names no matrix that is ready");
    return nullptr;
  }
  const ArrayView<const void> values = read_elements(call, 1, operand.key().format.type);
  if (call.failed()) return nullptr;
  return call.give_bool(operand.matrix->is_in_place()
                            ? operand.sample.matches(values.data, values.length, operand.key().shape[0], operand.key().shape[1])
                            : holds_sample_of(operand.matrix->view(), values.data, values.length));
}

napi_value release(Call& call) {
  const int64_t number = call.integer(0);
  const kit::Ref<OperandHandle> handle = call.state().handles().remove(number);
  if (handle == nullptr) return nullptr;
  handle->drop(call.env());
  OperandRegistry::give_up(handle->operand(), {&call.state(), number});
  return nullptr;
}

napi_value report_memory(Call& call) {
  const size_t bytes = call.count(1);
  if (call.failed()) return nullptr;
  return call.give_integer(kit::report_memory_of(call.env(), call.raw(0), bytes));
}

}  // namespace gearshift::binding
