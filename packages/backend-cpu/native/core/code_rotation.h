#pragma once

#include <cstddef>
#include <cstdint>

#include "core/aligned_memory.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/**
 * A rotation after which every dimension of a vector has about as much of its length as any other, whatever they were before, so
 * that few bits for each say most of it: random signs, a Walsh-Hadamard transform in blocks, a permutation of groups of elements,
 * and all but the permutation again (Ailon and Chazelle, SIAM J. Comput. 39(1), 2009). The same for equal dimensions, always.
 */
class CodeRotation {
 public:
  /** For a multiple of 128 dimensions. False when there is no memory. */
  bool prepare(size_t dimensions) noexcept;

  /** Rotates in place. `scratch` has room for as many elements. */
  void apply(double* v, double* scratch) const noexcept;
  /** The same in float32. Both lie on cache lines. */
  void apply(const KernelTable& kernels, float* v, float* scratch) const noexcept;

  /** Differs, almost certainly, for another rotation. */
  uint32_t checksum() const noexcept;

  /** Roundings of an element in a rotation, one after the other. */
  size_t steps() const noexcept { return 2 * (levels_ + 2); }

 private:
  void apply_pass(size_t pass, const double* v, double* out) const noexcept;

  size_t groups() const noexcept { return dimensions_ / kCodeGroup; }
  /** Of the memory: numbers of 32 bits. */
  size_t words() const noexcept { return 2 * dimensions_ + 2 * groups(); }
  const float* signs(size_t pass) const noexcept { return memory_.as<float>() + pass * dimensions_; }
  const uint32_t* order(size_t pass) const noexcept { return reinterpret_cast<const uint32_t*>(signs(2)) + pass * groups(); }

  AlignedMemory memory_;  // signs of the first and the second pass, then the groups of elements in the order of each
  size_t dimensions_ = 0;
  size_t block_ = 1;   // the largest power of two that divides the dimensions
  size_t levels_ = 0;  // its logarithm
};

}  // namespace gearshift
