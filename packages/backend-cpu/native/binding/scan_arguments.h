#pragma once

#include <cstddef>

#include "binding/call_context.h"
#include "binding/operand_handle.h"
#include "binding/query_group.h"
#include "binding/scan_calls.h"
#include "core/aligned_memory.h"

namespace gearshift::binding {

/**
 * The arguments that every scan begins with: context, source, dimensions, dtype, scale, query. Those between the source and the
 * query describe rows that come as an array.
 */
struct ScanArguments {
  ScanArguments() = default;
  ScanArguments(const ScanArguments&) = delete;
  ScanArguments& operator=(const ScanArguments&) = delete;

  Scan scan{};
  CallContext context{};
  OperandHandle* handle = nullptr;  // null: the caller's own rows
  RowPlace place{};                 // of the caller's own rows, if they may change
  ArrayView<float> query{};
  size_t query_count = 0;
  int status = 0;  // negative when the caller's memory has gone
};

inline constexpr size_t kContextArgument = 0;
inline constexpr size_t kSourceArgument = 1;
inline constexpr size_t kDimensionsArgument = 2;
inline constexpr size_t kDtypeArgument = 3;
inline constexpr size_t kScaleArgument = 4;
inline constexpr size_t kQueryArgument = 5;

/**
 * Reads and checks them from the arguments of a call.
 *
 * @param stored_argument the first of sequence, control, heads and log, which the rows of a stored matrix come with
 */
void read_scan(Call& call, size_t stored_argument, ScanArguments& read) noexcept;
/**
 * The same for a synchronous call, which has its scalars in the block; the call must end if this failed.
 *
 * @param stored_argument the first of control, heads and log
 */
void read_block_scan(Call& call, size_t query_argument, size_t values_argument, size_t stored_argument,
                     ScanArguments& read) noexcept;

/**
 * The words of a mask (core/row_mask.h), if the argument is given. They are the caller's copy, which no other thread changes.
 * The status is negative when they cover fewer than `rows` rows.
 */
struct MaskArgument {
  ArrayView<uint32_t> words{};  // data is null: none
  int status = 0;
};
MaskArgument read_mask(Call& call, size_t index, size_t rows) noexcept;

/** Whether `count` entries of `each` elements fit into `length`, without overflow. */
inline bool has_room(size_t length, size_t count, size_t each) noexcept {
  // The common case without the division that the check for overflow takes.
  if ((count | each) >> 32 == 0) return count * each <= length;
  size_t needed = 0;
  return multiply(count, each, &needed) && needed <= length;
}

}  // namespace gearshift::binding
