#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/aligned_memory.h"
#include "core/metric.h"
#include "dispatch/kernel_table.h"
#include "kit/store/stored_version.h"

namespace gearshift {

class RowCodes;
struct SavedCodes;

/** Rows to score, borrowed: row r begins at the element r * stride. */
struct MatrixView {
  const void* rows;
  ElementFormat format;
  size_t stride;
  size_t row_count;
  size_t dimensions;
  const float* inverse_norms;  // null: worked out during the scan
  const kit::StoredVersion* version = nullptr;  // of rows that may change while they are read; null: they do not
  const RowCodes* codes = nullptr;              // null: there are none

  size_t stride_bytes() const noexcept { return stride * format.bytes(); }
  const void* row(size_t number) const noexcept { return static_cast<const uint8_t*>(rows) + number * stride_bytes(); }
};

/** A caller's own rows, scored where they are. */
inline MatrixView view_of(const void* rows, ElementFormat format, size_t row_count, size_t dimensions,
                          const kit::StoredVersion* version = nullptr) noexcept {
  return {rows, format, dimensions, row_count, dimensions, nullptr, version};
}

/**
 * What is kept of a matrix for scanning: the inverse norms, and a copy of the rows unless they can be read where they are. A
 * copy has the elements that the rows have. Where it pays, as in a copy that fits in a cache, its rows are padded with zeros to
 * a multiple of 16 elements, so that no load of a vector crosses a cache line. Contents are the caller's to fill, row by row;
 * once all rows are there it does not change.
 */
class ResidentMatrix {
 public:
  enum class Rows : bool { copied, in_place };

  ~ResidentMatrix();

  /** Null when there is no memory, or no address space for so many rows. */
  static std::unique_ptr<ResidentMatrix> allocate(size_t rows, size_t dimensions, Rows place = Rows::copied,
                                                  ElementFormat format = {}) noexcept;

  /**
   * Takes over the rows [start, end) of `values`, which are packed. Threads may fill disjoint ranges at a time.
   *
   * @param keeps_codes the codes that the rows have are right
   */
  void fill(const KernelTable& kernels, const void* values, size_t start, size_t end,
            const kit::StoredVersion* version = nullptr, bool keeps_codes = false) noexcept;

  /** Of rows in place: changes their number and keeps the norms of those that it had. False: out of memory. */
  bool resize(size_t rows) noexcept;
  /** Of rows in place: takes over the norms of an earlier version, which has no more rows. */
  void take_norms(const ResidentMatrix& earlier) noexcept;

  /**
   * Codes of the rows, which are all there, for searches once all rows have one: choose, then encode rows in ascending order and
   * publish them. One thread chooses and publishes; threads may encode disjoint ranges at a time. Rows that are filled between two
   * steps get new codes if they have some. False: there is no memory, or the rows have no codes.
   */
  bool choose_codes(const MatrixView& matrix) noexcept;
  void encode(const KernelTable& kernels, const MatrixView& matrix, size_t start, size_t end) noexcept;
  /** The rows [0, rows) have codes. */
  void publish_codes(size_t rows) noexcept;
  /** Rows with codes so far. Any thread may ask. */
  size_t coded_rows() const noexcept { return coded_rows_.load(std::memory_order_acquire); }
  bool has_codes() const noexcept { return has_codes_.load(std::memory_order_acquire); }
  /** Whether they were chosen, so that rows may be encoded. For the thread that chooses. */
  bool is_coding() const noexcept { return codes_ != nullptr; }
  /** Once it has codes: does a piece of the search for centres of the rows. True: there is more to do. */
  bool find_centres() noexcept;
  /** It has codes, and no piece of the search for centres is left, until it has grown much. Any thread may ask. */
  bool is_coded() const noexcept { return is_coded_.load(std::memory_order_acquire); }
  /** Of the codes that searches use: host memory, and memory of a file. */
  size_t code_bytes() const noexcept;
  size_t saved_code_bytes() const noexcept;

  /**
   * Of rows in place, before they are filled: takes over the codes that a file has of the first rows, and the norms if this level
   * works them out in the same way. False: they were made in another way, or there is no memory.
   */
  bool take_saved(const KernelTable& kernels, const SavedCodes& saved, bool* has_norms) noexcept;
  /** Whether the codes are those of a file, as they were there. */
  bool has_saved_codes_unchanged() const noexcept;
  /** What has_codes() means, for a file: RowCodes::describe(). */
  size_t description_bytes() const noexcept;
  void describe_codes(const KernelTable& kernels, uint8_t* out) const noexcept;
  /** Names the codes; 0: there are none. */
  int64_t code_build() const noexcept;
  /** Copies a part of codes and norms (SavedCodes), of rows that may be replaced meanwhile: as they are in the matrix's version. */
  void copy_codes(const KernelTable& kernels, const MatrixView& matrix, size_t part, size_t start, size_t count,
                  uint8_t* out) const noexcept;

  bool is_in_place() const noexcept { return is_in_place_; }
  size_t row_count() const noexcept { return row_count_; }
  /** The copy. */
  MatrixView view() const noexcept {
    return {rows_.as<void>(), format_, stride_, row_count_, dimensions_, inverse_norms_.as<float>(), nullptr, codes()};
  }
  /** Rows in place, with the norms of the copy. */
  MatrixView view_of_rows(const void* rows, const kit::StoredVersion* version) const noexcept {
    return {rows, format_, dimensions_, row_count_, dimensions_, inverse_norms_.as<float>(), version, codes()};
  }
  size_t bytes() const noexcept;

 private:
  ResidentMatrix() noexcept;
  const RowCodes* codes() const noexcept { return has_codes() ? codes_.get() : nullptr; }
  float* norms() noexcept { return inverse_norms_.as<float>(); }
  void drop_codes() noexcept;
  /** Rows that are filled anew, as far as they have codes. */
  void encode_again(const KernelTable& kernels, const MatrixView& source, size_t start, size_t end) noexcept;
  void copy_rows(const void* values, size_t start, size_t end) noexcept;

  AlignedMemory rows_;  // empty for rows in place
  AlignedMemory inverse_norms_;
  ElementFormat format_;
  size_t stride_ = 0;  // in elements
  size_t row_count_ = 0;
  size_t dimensions_ = 0;
  bool is_in_place_ = false;
  std::unique_ptr<RowCodes> codes_;
  std::atomic<size_t> coded_rows_{0};
  std::atomic<bool> has_codes_{false};  // searches may use them: all rows have one
  std::atomic<bool> is_coded_{false};
};

}  // namespace gearshift
