#pragma once

#include <cstddef>

#include "core/aligned_memory.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/** A query as the kernels want it: a copy on a cache line, padded with zeros, and its inverse norm. */
class PreparedQuery {
 public:
  /** Takes over a query; may be called again for the next. False when there is no memory. */
  bool prepare(const KernelTable& kernels, const float* query, size_t dimensions) noexcept;

  const float* values() const noexcept { return values_; }
  float inverse_norm() const noexcept { return inverse_norm_; }

 private:
  /** Room for common dimensions without an allocation: these are made for every call. */
  static constexpr size_t kInlineFloats = 1024;

  alignas(kAlignment) float inline_values_[kInlineFloats];
  AlignedMemory memory_;
  const float* values_ = nullptr;
  float inverse_norm_ = 0;
};

}  // namespace gearshift
