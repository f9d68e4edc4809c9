#pragma once

#include <cstddef>

#include "binding/call.h"
#include "binding/shared_operand.h"
#include "core/row_codes.h"

namespace gearshift::binding {

/** Where the arguments of openMatrix are that describe the codes of a file. */
struct SavedArguments {
  size_t context;
  size_t memory;
  size_t description;
  size_t layout;
  size_t changed;
};

/** What they say. */
struct GivenCodes {
  bool are_given = false;  // and lie in their memory
  const KernelTable* kernels = nullptr;
  SavedCodes saved{};
  ArrayView<double> changed;
};

/** Fails the call if an argument is of the wrong kind. */
GivenCodes read_saved_codes(Call& call, const SavedArguments& arguments, size_t dimensions) noexcept;

/**
 * Has a new operand take over the codes of a file, and lists the rows that are still to be filled: those that have changed since the
 * file was written. Without memory, and where the codes do not fit, the operand is as it was.
 *
 * @param control of the matrix
 */
void take_saved_codes(const GivenCodes& given, kit::AtomicInt* control, SharedOperand& operand) noexcept;

}  // namespace gearshift::binding
