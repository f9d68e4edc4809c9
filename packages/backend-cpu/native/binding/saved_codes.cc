#include "binding/saved_codes.h"

#include <utility>

#include "binding/call_context.h"
#include "core/aligned_memory.h"

namespace gearshift::binding {
namespace {

constexpr double kMostExact = 9007199254740992.0;

bool read_size(double value, size_t* size) noexcept {
  if (!(value >= 0 && value < kMostExact)) return false;
  *size = static_cast<size_t>(value);
  return static_cast<double>(*size) == value;
}

/** Rows, capacity, and where each part begins. False if a part is not in the memory: another thread has made it up. */
bool read_layout(const ArrayView<uint8_t>& memory, const ArrayView<double>& layout, size_t dimensions, SavedCodes* saved) noexcept {
  constexpr size_t kFirstPart = 2;
  if (layout.length != kFirstPart + SavedCodes::kParts || dimensions > kMostCodedDimensions) return false;
  if (!read_size(layout.data[0], &saved->row_count) || !read_size(layout.data[1], &saved->capacity)) return false;
  if (saved->row_count > saved->capacity) return false;
  size_t free_from = 0;
  for (size_t part = 0; part < SavedCodes::kParts; ++part) {
    size_t offset = 0;
    size_t bytes = 0;
    if (!read_size(layout.data[kFirstPart + part], &offset) || offset < free_from || offset > memory.length) return false;
    if (!multiply(saved->capacity, SavedCodes::bytes_of_part(part, dimensions), &bytes)) return false;
    const size_t room = memory.length - offset;
    if (room < RowCodes::kPadding || bytes > room - RowCodes::kPadding) return false;
    saved->parts[part] = memory.data + offset;
    if (reinterpret_cast<uintptr_t>(saved->parts[part]) % kAlignment != 0) return false;
    free_from = offset + bytes + RowCodes::kPadding;
  }
  return true;
}

/** False: out of memory, or ranges that are not ascending. */
bool list_missing(const ArrayView<double>& changed, size_t saved_rows, size_t rows, bool has_norms, MissingRows* missing) noexcept {
  size_t reached = 0;
  for (size_t i = 0; i + 1 < changed.length; i += 2) {
    size_t start = 0;
    size_t end = 0;
    if (!read_size(changed.data[i], &start) || !read_size(changed.data[i + 1], &end)) return false;
    if (start < reached || end < start || end > rows) return false;
    if (start >= saved_rows) break;
    end = end < saved_rows ? end : saved_rows;
    if (!has_norms && start > reached && !missing->add(reached, start, true)) return false;
    if (end > start && !missing->add(start, end)) return false;
    reached = end;
  }
  if (!has_norms && saved_rows > reached && !missing->add(reached, saved_rows, true)) return false;
  return rows == saved_rows || missing->add(saved_rows, rows);
}

}  // namespace

GivenCodes read_saved_codes(Call& call, const SavedArguments& arguments, size_t dimensions) noexcept {
  GivenCodes given;
  given.kernels = read_context(call, arguments.context).kernels;
  const ArrayView<uint8_t> memory = call.bytes(arguments.memory);
  const ArrayView<uint8_t> description = call.bytes(arguments.description);
  const ArrayView<double> layout = call.doubles(arguments.layout);
  given.changed = call.doubles(arguments.changed);
  if (call.failed()) return given;
  if (!call.is_shared(arguments.memory)) {
    call.fail(ErrorType::type, "codes: expected memory in a SharedArrayBuffer");
    return given;
  }
  given.saved.description = description.data;
  given.saved.description_bytes = description.length;
  given.are_given = read_layout(memory, layout, dimensions, &given.saved);
  return given;
}

void take_saved_codes(const GivenCodes& given, kit::AtomicInt* control, SharedOperand& operand) noexcept {
  const SavedCodes& saved = given.saved;
  const size_t rows = operand.key().shape[0];
  if (saved.row_count > rows) return;
  // Either list, so that nothing can fail once the codes are taken over.
  MissingRows changed;
  MissingRows all;
  if (!list_missing(given.changed, saved.row_count, rows, true, &changed) ||
      !list_missing(given.changed, saved.row_count, rows, false, &all)) {
    return;
  }
  bool has_norms = false;
  if (!operand.claim_codes(control + kit::kCodes) || !operand.matrix->take_saved(*given.kernels, saved, &has_norms)) return;
  operand.missing = std::move(has_norms ? changed : all);
}

}  // namespace gearshift::binding
