#pragma once

#include <cstddef>

#include "binding/call_context.h"
#include "binding/operand_registry.h"
#include "core/matrix.h"
#include "pool/run_in_chunks.h"

namespace gearshift::binding {

/** Copies rows [from, end) and works out their norms; the first row that was not reached. */
size_t fill_rows(const Execution& execution, const CallContext& context, ResidentMatrix& matrix, const float* values,
                 size_t from, size_t end, size_t dimensions) noexcept;

/** Builds the resident form from the staged arrays, which it checks and then frees, and makes it ready; a Status. */
int build_resident_graph(SharedOperand& operand) noexcept;

/** Whether some of the rows, spread over all of them, hold the same bits. */
bool holds_sample_of(const MatrixView& matrix, const float* values, size_t length) noexcept;

}  // namespace gearshift::binding
