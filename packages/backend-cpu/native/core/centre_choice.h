#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/aligned_memory.h"
#include "core/row_centres.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

/**
 * Chooses centres by k-means (Lloyd's rounds) on a sample of the coded rows, and finds out on the same sample whether they would
 * exclude most rows. The same codes always give the same centres.
 */
class CentreChoice {
 public:
  /** Null when there is no memory. */
  static std::unique_ptr<CentreChoice> allocate(size_t rows, size_t dimensions, size_t centres, CentreUse use) noexcept;

  enum class Progress : uint8_t { more, chosen, refused };
  /** Does a piece of the work. */
  Progress advance(const KernelTable& kernels, const RowCodes& codes, RowCentres& centres) noexcept;

 private:
  CentreChoice() noexcept = default;
  enum class Stage : uint8_t { sample, seed, assign, move, measure, compare };
  /** Goes on to the next part of a stage; true after its last one. */
  bool go_on(size_t step, size_t end) noexcept;
  void take_sample(const RowCodes& codes, size_t start, size_t end) noexcept;
  void add_to_centres(size_t start, size_t count, const uint16_t* nearest) noexcept;
  void find_best(const KernelTable& kernels, size_t start, size_t end) noexcept;
  void multiply_with_centres(const KernelTable& kernels, const RowCentres& centres) noexcept;
  /** How many of these rows the centres leave to the queries. */
  size_t count_left(const RowCentres& centres, size_t start, size_t end) const noexcept;
  bool prepare_queries() noexcept;

  RowCentres::Coded coded(size_t start, size_t count) const noexcept;
  void read_values(size_t place, float* values) const noexcept;
  size_t plane_bytes() const noexcept { return dimensions_ / 2; }

  size_t dimensions_ = 0;
  size_t centre_count_ = 0;
  size_t sampled_ = 0;
  CentreUse use_ = CentreUse::where_they_pay;
  AlignedMemory high_;      // the sample's codes
  AlignedMemory low_;
  AlignedMemory scales_;    // float; 0: the code says nothing of the row
  AlignedMemory residuals_;
  AlignedMemory nearest_;   // uint16_t, the number of the nearest centre
  AlignedMemory sums_;      // float, of the rows around each centre
  AlignedMemory counts_;    // uint32_t, of these rows
  AlignedMemory queries_;   // int8_t, rows of the sample as queries of a batch
  AlignedMemory query_sums_;
  AlignedMemory query_units_;
  AlignedMemory best_;      // float, the best product of each query
  AlignedMemory products_;  // float, of each query with all centres
  Stage stage_ = Stage::sample;
  size_t place_ = 0;        // where the stage is
  size_t rounds_ = 0;
  size_t left_ = 0;         // rows that the centres leave, of all queries
};

}  // namespace gearshift
