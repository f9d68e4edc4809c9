#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "binding/call_context.h"
#include "binding/shared_operand.h"
#include "core/matrix.h"
#include "pool/run_in_chunks.h"

namespace gearshift::binding {

/** The operand behind a handle that the caller is to fill; fails the call when it is not. */
SharedOperand* find_to_fill(Call& call, size_t index, OperandKind kind) noexcept;

/** Copies rows [from, end) and works out their norms; the first row that was not reached. */
size_t fill_rows(const Execution& execution, const CallContext& context, ResidentMatrix& matrix, const float* values,
                 size_t from, size_t end, size_t dimensions) noexcept;

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

/** Whether some of the rows, spread over all of them, hold the same bits. */
bool holds_sample_of(const MatrixView& matrix, const float* values, size_t length) noexcept;

}  // namespace gearshift::binding
