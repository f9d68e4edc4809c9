#pragma once

#include <cstddef>
#include <cstdint>

#include "core/aligned_memory.h"
#include "core/row_codes.h"

namespace gearshift {

/**
 * Queries that go over the codes of rows together, at most: what they take fits into a second-level cache, where it is read for each
 * 32 rows, and of the codes, which come from memory, all queries have the same ones.
 */
inline constexpr size_t kMostCodedQueriesTogether = 128;

/** Several queries as whole codes of rows want them: see docs/certified-search.md. Keeps its memory for the next ones. */
class QueryCodes {
 public:
  /** From queries that RowCodes::prepare() was fine with. False: out of memory. */
  bool prepare(const KernelTable& kernels, const RowCodes& codes, const CodeQuery* queries, size_t count) noexcept;

  size_t count() const noexcept { return count_; }
  const int8_t* parts() const noexcept { return memory_.as<int8_t>(); }
  /** As the kernels that it was prepared with want them; null: as they are. */
  const int8_t* laid_out() const noexcept { return is_laid_out_ ? laid_out_.as<int8_t>() : nullptr; }
  /** 128 times the sum of a query's parts. */
  const int32_t* sums() const noexcept { return sums_.as<int32_t>(); }
  const WholeCodeTerms& terms(size_t query) const noexcept { return terms_.as<WholeCodeTerms>()[query]; }

 private:
  AlignedMemory memory_;
  AlignedMemory laid_out_;
  AlignedMemory sums_;
  AlignedMemory terms_;
  size_t count_ = 0;
  bool is_laid_out_ = false;
};

}  // namespace gearshift
