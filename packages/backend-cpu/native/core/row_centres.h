#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/aligned_memory.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

class CentreChoice;
class RowCodes;
struct CodeQuery;

/** Whether centres are kept. Tests keep them always. */
enum class CentreUse : bool { where_they_pay, always };

/**
 * Centres that the coded rows of a large matrix lie around: each row has the number of a centre and a distance from it. From these
 * six bytes most rows of a clustered matrix can be excluded before their codes are read: docs/certified-search.md.
 *
 * They are made from the codes, piece by piece.
 */
class RowCentres {
 public:
  static constexpr size_t kMostCentres = 2048;
  /** Of fewer, reading the codes takes little more time than preparing a query for the centres. */
  static constexpr size_t kLeastRows = 200'000;

  ~RowCentres();
  /** Null when there is no memory. */
  static std::unique_ptr<RowCentres> allocate(size_t rows, size_t coded_dimensions, CentreUse use) noexcept;

  /** Does a piece of the work, of a millisecond or so on most CPUs. The codes are those of all rows. True: there is more to do. */
  bool advance(const KernelTable& kernels, const RowCodes& codes) noexcept;
  /** After the last piece: whether a search may use them, or they would not exclude enough rows. */
  bool are_ready() const noexcept { return is_ready_; }
  /** Rows have new codes. Those that advance() has not come to yet wait for it. Threads may do this for disjoint ranges. */
  void assign_again(const KernelTable& kernels, const RowCodes& codes, size_t start, size_t end) noexcept;
  /** As RowCodes::resize(). */
  bool resize(size_t rows) noexcept;

  /** Prepares `query` for bound(). */
  void prepare(const KernelTable& kernels, CodeQuery* query) const noexcept;
  /** Numbers that the cosines of rows do not exceed. */
  void bound(const CodeQuery& query, size_t start, size_t count, float* bounds) const noexcept;
  float bound_of(const CodeQuery& query, size_t row) const noexcept;

  /** Up to `most` rows around the centres that are nearest to a prepared query, without repetition. They may have changed since. */
  size_t list_nearest(const CodeQuery& query, size_t most, uint32_t* rows) const noexcept;

  /** What bound() reads of a row. */
  static constexpr size_t kBytesOfRow = sizeof(uint16_t) + sizeof(float);
  size_t bytes() const noexcept;
  /** For so many rows, if there are centres of them. */
  static double bytes_of(size_t rows, size_t coded_dimensions) noexcept;

 private:
  friend class CentreChoice;
  RowCentres() noexcept;
  static size_t count_for(size_t rows) noexcept;
  bool reserve(size_t rows) noexcept;

  /** Makes the code of a vector the centre of this number. */
  void set(size_t centre, const float* values) noexcept;
  /** Coded rows, one behind the other. */
  struct Coded {
    const uint8_t* high;
    const uint8_t* low;
    const float* scales;
    size_t count;  // at most kTogether
  };
  static constexpr size_t kTogether = 64;
  void find_nearest(const KernelTable& kernels, const Coded& rows, uint16_t* nearest) const noexcept;
  /** At least the distance of a row from a centre: `code` and the fit are the row's. */
  float distance_from(size_t centre, const uint8_t* code, float scale, float residual) const noexcept;
  void assign(const KernelTable& kernels, const RowCodes& codes, size_t start, size_t end) noexcept;
  /** A piece of the list of the rows of each centre. False: there is more to do, unless `listed_` lacks memory. */
  bool list_some_rows() noexcept;

  int8_t* parts_of(size_t centre) noexcept { return parts_.as<int8_t>() + centre * dimensions_; }
  size_t plane_bytes() const noexcept { return dimensions_ / 2; }

  size_t dimensions_ = 0;  // of codes
  size_t count_ = 0;       // of centres
  // A centre is unit * (code - 127.5), exactly.
  AlignedMemory high_;          // upper halves of the codes of the centres, as those of rows
  AlignedMemory low_;
  AlignedMemory units_;         // float
  AlignedMemory parts_;         // centres as the queries of a batch, about: to find the nearest one
  AlignedMemory part_sums_;     // int32_t, 128 times the sum of the parts
  AlignedMemory half_squares_;  // float, of their lengths
  AlignedMemory numbers_;       // uint16_t, of the centre of each row
  AlignedMemory distances_;     // float, of each row
  AlignedMemory listed_;        // uint32_t, the rows of each centre
  AlignedMemory ends_;          // uint32_t, of each centre's list
  std::unique_ptr<CentreChoice> choice_;  // until they are chosen
  size_t row_count_ = 0;
  size_t capacity_ = 0;
  size_t assigned_ = 0;  // rows with a centre
  std::atomic<size_t> listing_{0};  // rows that were counted, then rows that were listed; 0 again when a row gets another centre
  bool is_ready_ = false;
};

}  // namespace gearshift
