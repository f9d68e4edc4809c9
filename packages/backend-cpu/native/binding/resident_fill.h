#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "binding/call_context.h"
#include "binding/operand_handle.h"
#include "pool/run_in_chunks.h"

namespace gearshift::binding {

/** The handle at an index if its operand is the caller's to fill; fails the call when it is not. */
OperandHandle* find_to_fill(Call& call, size_t index, OperandKind kind) noexcept;

/**
 * Takes over the missing rows at the positions [from, end), and makes the operand ready after the last one.
 *
 * @param version of rows that may change meanwhile, else null
 * @return the first position that was not reached, or a Status
 */
int64_t fill_rows(const Execution& execution, const CallContext& context, SharedOperand& operand, const void* values,
                  const kit::StoredVersion* version, size_t from) noexcept;

/**
 * Gives a matrix that is ready codes, from its rows at a place, unless it has them or another thread is about it. Without memory for
 * them it stays without.
 *
 * @return kDone or kCancelled
 */
int encode_rows(const CallContext& context, const Execution& execution, SharedOperand& operand, const RowPlace& place) noexcept;

/**
 * A part of the same work, and of the search for centres that follows: goes on where the last part ended, for so long, unless the
 * matrix is of another version by now. Rows may be changed between any two steps (SharedOperand::between_steps).
 *
 * @param version that the place is of
 * @return kDone, also if there is more to do; kCancelled; kOutOfMemory: without memory, or for rows that have no codes
 */
int encode_some_rows(const CallContext& context, const std::atomic<bool>* cancelled, SharedOperand& operand, const RowPlace& place, int64_t version,
                     int64_t duration_ns) noexcept;

/**
 * Builds the resident form from the staged arrays, which it checks and frees at the end, and makes it ready.
 *
 * @param deadline_ns no step starts after it; 0: none
 * @param cancelled no step starts once it is true; may be null
 * @return kBuilt, kUnfinished, or a Status
 */
int build_resident_graph(SharedOperand& operand, int64_t deadline_ns, const std::atomic<bool>* cancelled) noexcept;
inline constexpr int kUnfinished = 0;
inline constexpr int kBuilt = 1;

}  // namespace gearshift::binding
