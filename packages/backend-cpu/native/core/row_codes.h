#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/aligned_memory.h"
#include "core/code_rotation.h"
#include "core/matrix.h"
#include "core/metric.h"
#include "core/query.h"
#include "core/row_centres.h"

namespace gearshift {

class QueryCodes;

/** How far the code of a row is the row: row = scale * code + a rest of length `residual` at most. */
struct CodeFit {
  float scale;
  float residual;        // infinite: the code says nothing of the row
  float inverse_square;  // 1 / |code|^2
};

/**
 * Codes in memory that a file was mapped to. Its contents are only believed as far as no number of theirs leads to an address: wrong
 * codes make answers wrong.
 */
struct SavedCodes {
  /** In this order: both halves, three numbers of the upper halves, the CodeFit of whole codes, and the inverse norms. */
  static constexpr size_t kParts = 7;
  static constexpr size_t kNormsPart = kParts - 1;

  static size_t bytes_of_part(size_t part, size_t dimensions) noexcept;

  uint8_t* parts[kParts];  // with room for `capacity` rows and RowCodes::kPadding bytes behind each
  size_t row_count;
  size_t capacity;
  const uint8_t* description;
  size_t description_bytes;
};

/** A query as the codes of rows want it, at one with the bound of its cosines. */
struct CodeQuery {
  alignas(kAlignment) int8_t high[kMostCodedDimensions];
  alignas(kAlignment) int8_t low[kMostCodedDimensions];
  CodeBoundTerms terms;  // for the upper half of the codes
  double norm;           // of the query
  double sum;            // of its code, in low parts
  double unit;           // of which this is one
  bool has_centres;      // the next ones were set, by RowCentres::prepare()
  float centres[RowCentres::kMostCentres];  // at least the cosines of the centres
};

/**
 * Two times four bits for each dimension of each row, from which the scores of all rows are bounded by reading an eighth of what
 * the rows take, or a quarter: docs/certified-search.md has the layout, the bound, and its proof.
 *
 * Rows without a norm that float32 can be trusted with (zero, tiny, huge, not finite) have codes that say nothing.
 */
class RowCodes {
 public:
  static constexpr size_t kPadding = 4096;  // bytes behind a plane that kernels may read
  static constexpr size_t kBlock = 256;
  static constexpr size_t kPaddedTo = 128;
  static size_t padded_dimensions(size_t dimensions) noexcept {
    return (dimensions + kPaddedTo - 1) / kPaddedTo * kPaddedTo;
  }

  /** Null when there is no memory, or with more than kMostCodedDimensions. */
  static std::unique_ptr<RowCodes> allocate(size_t rows, size_t dimensions) noexcept;

  /** Codes in place. Null when there is no memory, or when their description says that they were made in another way. */
  static std::unique_ptr<RowCodes> over(const SavedCodes& saved, size_t dimensions) noexcept;

  /** From a sample of the rows. Before the first encode(). The matrix has stored norms, as in all of these. False: out of memory. */
  bool choose_mean(const MatrixView& matrix) noexcept;
  /** Threads may encode disjoint ranges at a time. Rows that change meanwhile get the codes of the matrix's version. */
  void encode(const KernelTable& kernels, const MatrixView& matrix, size_t start, size_t end) noexcept;
  /** Makes room for rows that are still to be encoded, or forgets the last ones. False: out of memory, and nothing changed. */
  bool resize(size_t rows) noexcept;

  /** What a file has to say of the codes: how they are made, and the mean. `norms` names how the norms are worked out. */
  static size_t description_bytes(size_t dimensions) noexcept;
  void describe(uint32_t norms, uint8_t* out) const noexcept;
  /** The `norms` of a description, which is whole. */
  static uint32_t norms_of(const SavedCodes& saved) noexcept;
  /** Of the parts but that of norms: codes as they are, or that of a row that is elsewhere. */
  void copy_part(size_t part, size_t start, size_t count, uint8_t* out) const noexcept;
  void encode_part(const KernelTable& kernels, size_t part, const MatrixView& matrix, const void* elements,
                   float inverse_norm, uint8_t* out) const noexcept;

  /** Whether they lie in memory of a file, and whether rows there were encoded anew. */
  bool is_saved() const noexcept { return is_saved_; }
  /** Whether a file said what they are, so that they may be of no rows. They may have been moved to other memory since. */
  bool is_from_file() const noexcept { return is_from_file_; }
  bool has_changed() const noexcept { return has_changed_.load(std::memory_order_relaxed); }
  /** Tells codes of one build from those of another. */
  int64_t build() const noexcept { return build_; }

  /** False for a query that the bound does not cover. */
  bool prepare(const PreparedQuery& query, CodeQuery* code) const noexcept;

  /** Of at most kBlock rows. */
  void bound(const KernelTable& kernels, const CodeQuery& query, size_t start, size_t count, int32_t* sums,
             float* estimates, float* bounds) const noexcept;
  /** Of rows by number. */
  void bound_chosen(const KernelTable& kernels, const CodeQuery& query, const uint32_t* rows, size_t count, int32_t* sums,
             float* estimates, float* bounds) const noexcept;
  /** The lower halves of rows by number. */
  void sum_low(const KernelTable& kernels, const CodeQuery& query, const uint32_t* rows, size_t count,
               int32_t* sums) const noexcept;
  /** Those of at most kBlock rows one behind the other. */
  void sum_low(const KernelTable& kernels, const CodeQuery& query, size_t start, size_t count, int32_t* sums) const noexcept;
  struct Bound {
    float estimate;
    float bound;
  };
  /** With all bits of the row's code. */
  Bound bound_of(const CodeQuery& query, size_t row, int32_t high_sum, int32_t low_sum) const noexcept;

  /** Of at most kBlock rows by number, with all bits of their codes. */
  void bound_whole(const KernelTable& kernels, const CodeQuery& query, const uint32_t* rows, size_t count, float* estimates,
                   float* bounds) const noexcept;

  /** What a search of several queries at once needs of the rows of a block. */
  struct WholeFits {
    float scales[kBlock];
    float residuals[kBlock];
    float lengths[kBlock];  // at least those of the rows, less the mean
  };
  void read_whole_fits(size_t start, size_t count, WholeFits* fits) const noexcept;
  /** Sums of at most kBlock rows by their whole codes: kBlock of them for each query. */
  void sum_whole(const KernelTable& kernels, const QueryCodes& queries, size_t start, size_t count, int32_t* sums) const noexcept;

  /**
   * Once all rows have codes: does a piece of the search for centres that the rows lie around. True: there is more to do. Searches
   * may use the codes meanwhile, and the centres when all is done.
   */
  bool find_centres(const KernelTable& kernels, CentreUse use = CentreUse::where_they_pay) noexcept;
  /** Whether there are no centres, and twice as many rows as when none were found last. */
  bool may_get_centres() const noexcept {
    return centres_ == nullptr && !is_saved_ && row_count_ >= RowCentres::kLeastRows && row_count_ / 2 >= rows_without_centres_;
  }
  /** Rows that were encoded anew get their centres anew. Threads may do this for disjoint ranges. */
  void assign_centres(const KernelTable& kernels, size_t start, size_t end) noexcept;
  /** Null: there are none, or not yet. */
  const RowCentres* centres() const noexcept { return has_centres_.load(std::memory_order_acquire) ? centres_.get() : nullptr; }

  /** Both halves of a row's code, as they lie in the planes. */
  const uint8_t* high_of(size_t row) const noexcept { return high_ + row * row_bytes(); }
  const uint8_t* low_of(size_t row) const noexcept { return low_ + row * row_bytes(); }
  const CodeFit& whole_fit(size_t row) const noexcept { return fine_fits_[row]; }
  /** The halves of a code, and back. `bytes` is a half of the dimensions. */
  static void split(const uint8_t* code, size_t bytes, uint8_t* high, uint8_t* low) noexcept;
  static void join(const uint8_t* high, const uint8_t* low, size_t bytes, uint8_t* code) noexcept;

  size_t row_count() const noexcept { return row_count_; }
  size_t coded_dimensions() const noexcept { return padded_; }
  /** What a search reads of most rows. */
  double scanned_bytes_of_row() const noexcept { return scanned_bytes_of_row(dimensions_); }
  static double scanned_bytes_of_row(size_t dimensions) noexcept {
    return static_cast<double>(padded_dimensions(dimensions) / 2 + sizeof(CodeFit));
  }
  /** What the codes of so many rows take. */
  static double bytes_of(size_t rows, size_t dimensions) noexcept {
    const size_t padded = padded_dimensions(dimensions);
    return static_cast<double>(rows) * static_cast<double>(padded + 2 * sizeof(CodeFit)) + RowCentres::bytes_of(rows, padded);
  }
  /** With several queries at once. */
  double whole_bytes_of_row() const noexcept { return static_cast<double>(2 * row_bytes() + sizeof(CodeFit)); }
  size_t bytes() const noexcept;

 private:
  RowCodes() noexcept = default;
  /** Where the code of one row goes. */
  struct Row {
    uint8_t* high;
    uint8_t* low;
    float* scale;
    float* residual;
    float* inverse_square;
    CodeFit* fine_fit;
  };
  bool prepare(size_t dimensions) noexcept;
  bool reserve(size_t rows) noexcept;
  Row row(size_t number) noexcept {
    return {high_ + number * row_bytes(), low_ + number * row_bytes(), scales_ + number, residuals_ + number,
            inverse_squares_ + number, fine_fits_ + number};
  }
  void encode_row(const KernelTable& kernels, const MatrixView& matrix, const void* elements, float inverse_norm,
                  const Row& row) const noexcept;
  double slack(double query_error) const noexcept;

  size_t row_bytes() const noexcept { return padded_ / 2; }

  uint8_t* high_ = nullptr;  // upper halves of the codes
  uint8_t* low_ = nullptr;   // lower halves
  float* scales_ = nullptr;  // of the upper halves, as the next two
  float* residuals_ = nullptr;
  float* inverse_squares_ = nullptr;
  CodeFit* fine_fits_ = nullptr;  // of whole codes
  AlignedMemory memory_[4];       // of all these, unless they lie in memory of a file
  AlignedMemory mean_;            // float, of the rows at length 1
  CodeRotation rotation_;
  int64_t build_ = 0;
  bool is_saved_ = false;
  bool is_from_file_ = false;
  std::atomic<bool> has_changed_{false};
  std::unique_ptr<RowCentres> centres_;
  size_t rows_without_centres_ = 0;  // that they were looked for in last
  std::atomic<bool> has_centres_{false};
  size_t row_count_ = 0;
  size_t capacity_ = 0;    // rows that there is memory for
  size_t dimensions_ = 0;
  size_t padded_ = 0;  // to a multiple of kPaddedTo
};

/**
 * The cosine below which a row cannot have a score as good as `score`, for rows of one metric: with room for every rounding error of
 * the scan in float32.
 */
class CodeLimit {
 public:
  CodeLimit(Metric metric, const CodeQuery& query, size_t dimensions) noexcept;
  /** Whether rows have one limit, whatever their norms. */
  bool is_same_for_all() const noexcept { return metric_ == Metric::cosine; }
  /** `inverse_norm` is that of the row, which its code says something of. */
  float of(float score, float inverse_norm) const noexcept {
    return metric_ == Metric::cosine ? lowered(score - share_) : terms(score).limit(inverse_norm);
  }
  /** Of rows that have no limit in common. */
  CodeLimitTerms terms(float score) const noexcept;
  /** What the score of a row is at least (its distance at most) if the cosine is at least `cosine`. */
  float floor(double cosine, const float* inverse_norm) const noexcept;

 private:
  /** Downwards, so that the rounding to float32 does not raise it. */
  static float lowered(double limit) noexcept { return static_cast<float>(limit - (limit < 0 ? -limit : limit) * 0x1p-23); }

  Metric metric_;
  double norm_;
  double share_;  // of relative rounding errors
};

}  // namespace gearshift
