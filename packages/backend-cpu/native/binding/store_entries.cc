// Changes of stored matrices, and the pages of their memory. What JavaScript gives is checked here: a change writes to memory
// that other threads read.
#include <algorithm>
#include <cstring>

#include "binding/call_context.h"
#include "binding/entries.h"
#include "core/aligned_memory.h"
#include "kit/store/pages.h"
#include "kit/store/stored_rows.h"
#include "pool/run_in_chunks.h"

namespace gearshift::binding {
namespace {

using kit::ChangeOutcome;
using kit::StoredRows;

/** A part of the memory of a matrix; fails the call if it may move or is not aligned. */
template <typename T, typename U>
kit::StorePart<T> read_part(Call& call, size_t index, const ArrayView<U>& view, size_t alignment) noexcept {
  if (!call.failed() && !call.is_shared(index)) call.fail(ErrorType::type, "memory: expected arrays in SharedArrayBuffers");
  if (reinterpret_cast<uintptr_t>(view.data) % alignment != 0) call.fail(ErrorType::range, "memory: expected aligned arrays");
  return {reinterpret_cast<T*>(view.data), view.length};
}

struct Bounds {
  uintptr_t start;
  uintptr_t end;
};

template <typename T>
Bounds bounds_of(const kit::StorePart<T>& part) noexcept {
  const auto start = reinterpret_cast<uintptr_t>(part.data);
  return {start, start + part.length * sizeof(T)};
}

bool any_overlap(const StoredRows& memory) noexcept {
  const Bounds all[] = {bounds_of(kit::StorePart<kit::AtomicInt>{memory.control, kit::kControlWords}),
                        bounds_of(memory.rows),
                        bounds_of(memory.stamps),
                        bounds_of(memory.heads),
                        bounds_of(memory.log),
                        bounds_of(memory.removed),
                        bounds_of(memory.removals)};
  for (const Bounds& a : all) {
    for (const Bounds& b : all) {
      if (&a != &b && a.start < b.end && b.start < a.end) return true;
    }
  }
  return false;
}

/** The first eight arguments: control, rows, stamps, heads, log, removed, removals, bytes of a row. */
constexpr size_t kFirstOfChange = 8;

StoredRows read_memory(Call& call) noexcept {
  const ArrayView<int32_t> control = call.ints(0);
  StoredRows memory{read_part<kit::AtomicInt>(call, 0, control, 4).data,
                    read_part<uint8_t>(call, 1, call.bytes(1), 4),
                    read_part<kit::AtomicInt>(call, 2, call.ints(2), 4),
                    read_part<kit::AtomicUint>(call, 3, call.uints(3), 4),
                    read_part<uint8_t>(call, 4, call.bytes(4), 4),
                    read_part<kit::AtomicUint>(call, 5, call.uints(5), 4),
                    read_part<kit::AtomicInt>(call, 6, call.ints(6), 4),
                    call.count(7)};
  if (call.failed()) return memory;
  if (control.length < kit::kControlWords) call.fail(ErrorType::range, "memory.control: expected 1024 integers");
  else if (memory.row_bytes == 0 || memory.row_bytes > SIZE_MAX / 2) call.fail(ErrorType::range, "memory.bytesPerRow: expected a number above 0");
  else if (any_overlap(memory)) call.fail(ErrorType::range, "memory: expected arrays that do not overlap");
  return memory;
}

/** Copies with the help of the pool's threads where that pays. */
class PoolCopier {
 public:
  explicit PoolCopier(Call& call) noexcept : execution_{&call.state().pool(), call.state().pool().thread_limit()} {}

  kit::ByteCopier copier() noexcept { return {&PoolCopier::copy, this}; }

 private:
  static void copy(void* self, void* to, const void* from, size_t bytes) noexcept {
    auto* const target = static_cast<uint8_t*>(to);
    const auto* const source = static_cast<const uint8_t*>(from);
    // Rows of the matrix itself, of which pieces must not be copied in any order.
    if (target < source + bytes && source < target + bytes) {
      std::memmove(to, from, bytes);
      return;
    }
    constexpr size_t kPiece = 64 * 1024;
    static Throughput copies;
    auto body = [&](size_t begin, size_t stop, unsigned) noexcept {
      const size_t start = begin * kPiece;
      std::memcpy(target + start, source + start, std::min(bytes, stop * kPiece) - start);
    };
    const ItemCost cost{2.0 * kPiece, 1, 1};
    run_in_chunks(static_cast<PoolCopier*>(self)->execution_, copies, cost, 0, (bytes + kPiece - 1) / kPiece, body);
  }

  const Execution execution_;
};

napi_value give_outcome(Call& call, ChangeOutcome outcome) noexcept {
  if (outcome == ChangeOutcome::damaged) {
    call.fail(ErrorType::range, "memory.control: it is damaged; only the functions for stored matrices may write to it");
    return nullptr;
  }
  return call.give_integer(static_cast<int>(outcome));
}

/** The number of rows in `bytes`; fails the call if they are not whole. */
size_t count_rows(Call& call, const StoredRows& memory, const ArrayView<uint8_t>& bytes) noexcept {
  if (call.failed()) return 0;
  if (bytes.length % memory.row_bytes != 0) call.fail(ErrorType::range, "rows: expected whole rows");
  return bytes.length / memory.row_bytes;
}

}  // namespace

napi_value append_rows(Call& call) {
  const StoredRows memory = read_memory(call);
  const ArrayView<uint8_t> rows = call.bytes(kFirstOfChange);
  const size_t count = count_rows(call, memory, rows);
  if (call.failed()) return nullptr;
  PoolCopier copier(call);
  size_t first = 0;
  const ChangeOutcome outcome = kit::append_rows(memory, rows.data, count, copier.copier(), &first);
  return outcome == ChangeOutcome::done ? call.give_integer(static_cast<int64_t>(first)) : give_outcome(call, outcome);
}

napi_value update_rows(Call& call) {
  const StoredRows memory = read_memory(call);
  const size_t start = call.count(kFirstOfChange);
  const ArrayView<uint8_t> rows = call.bytes(kFirstOfChange + 1);
  const size_t count = count_rows(call, memory, rows);
  if (call.failed()) return nullptr;
  PoolCopier copier(call);
  return give_outcome(call, kit::update_rows(memory, start, rows.data, count, copier.copier()));
}

napi_value remove_rows(Call& call) {
  const StoredRows memory = read_memory(call);
  const ArrayView<uint32_t> rows = call.uints(kFirstOfChange);
  if (call.failed()) return nullptr;
  // A copy: in shared memory a number could change between the check and the use.
  CandidateList list;
  const uint32_t* const copied = list.copy(rows.data, rows.length, SIZE_MAX);
  if (copied == nullptr) {
    call.fail(ErrorType::range, "rows: there was not enough memory for a copy");
    return nullptr;
  }
  return give_outcome(call, kit::remove_rows(memory, copied, rows.length));
}

napi_value guard_pin(Call& call) {
  const ArrayView<int32_t> control = call.ints(0);
  const size_t index = call.count(1);
  if (call.failed()) return nullptr;
  if (!call.is_shared(0) || control.length < kit::kControlWords || index < kit::kPins || index >= kit::kControlWords) {
    call.fail(ErrorType::range, "control, index: expected 1024 integers in a SharedArrayBuffer, and the index of a pin");
    return nullptr;
  }
  return call.give_integer(call.state().pins().add(call.env(), call.raw(0), reinterpret_cast<kit::AtomicInt*>(control.data), index));
}

napi_value forget_pin(Call& call) {
  const int64_t guard = call.integer(0);
  if (!call.failed()) call.state().pins().remove(call.env(), guard);
  return nullptr;
}

namespace {

ArrayView<uint8_t> read_shared_bytes(Call& call) noexcept {
  const ArrayView<uint8_t> bytes = call.bytes(0);
  if (!call.failed() && !call.is_shared(0)) call.fail(ErrorType::type, "bytes: expected memory in a SharedArrayBuffer");
  return bytes;
}

bool begins_on_page(const ArrayView<uint8_t>& bytes) noexcept {
  return reinterpret_cast<uintptr_t>(bytes.data) % kit::page_bytes() == 0;
}

}  // namespace

napi_value advise_huge_pages(Call& call) {
  const ArrayView<uint8_t> bytes = read_shared_bytes(call);
  if (!call.failed()) kit::advise_huge_pages(bytes.data, bytes.length);
  return nullptr;
}

napi_value drop_pages(Call& call) {
  const ArrayView<uint8_t> bytes = read_shared_bytes(call);
  const bool is_growable = call.small(1) != 0;
  if (call.failed()) return nullptr;
  if (is_growable && begins_on_page(bytes) && kit::replace_pages(bytes.data, bytes.length) == 0) return nullptr;
  kit::clear_pages(bytes.data, bytes.length);
  return nullptr;
}

napi_value map_file(Call& call) {
  const ArrayView<uint8_t> bytes = read_shared_bytes(call);
  if (!call.failed() && !begins_on_page(bytes)) call.fail(ErrorType::range, "bytes: expected memory that begins on a page");
  const int32_t file_descriptor = call.small(1);
  const int64_t offset = call.integer(2);
  if (call.failed()) return nullptr;
  return call.give_integer(kit::map_file(bytes.data, bytes.length, file_descriptor, offset));
}

napi_value page_size(Call& call) { return call.give_integer(static_cast<int64_t>(kit::page_bytes())); }

}  // namespace gearshift::binding
