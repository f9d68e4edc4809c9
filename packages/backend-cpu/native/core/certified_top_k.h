#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/matrix.h"
#include "core/query.h"
#include "core/row_codes.h"
#include "core/top_k.h"
#include "kit/owned_array.h"

namespace gearshift {

/** A score that at least k rows reach, as far as all threads of a request know: a row that cannot reach it is not among the best. */
class ReachedScore {
 public:
  /** Before threads share it. */
  void start(Metric metric) noexcept {
    is_distance_ = metric == Metric::euclidean;
    merit_.store(kNone, std::memory_order_relaxed);
  }

  bool is_known() const noexcept { return merit_.load(std::memory_order_relaxed) != kNone; }
  float score() const noexcept { return turn(merit_.load(std::memory_order_relaxed)); }
  void raise(float score) noexcept {
    const float merit = turn(score);
    float known = merit_.load(std::memory_order_relaxed);
    while (merit > known && !merit_.compare_exchange_weak(known, merit, std::memory_order_relaxed)) {
    }
  }

 private:
  static constexpr float kNone = -std::numeric_limits<float>::infinity();
  float turn(float value) const noexcept { return is_distance_ ? -value : value; }

  bool is_distance_ = false;
  std::atomic<float> merit_{kNone};
};

/** Numbers of rows, by what was done for them. */
struct CertifiedCounts {
  size_t scanned = 0;   // considered, and bounded by half of the code but for those of `plain`
  size_t examined = 0;  // bounded by the whole code
  size_t rescored = 0;  // scored in float32
  size_t whole = 0;     // of `examined`: at once, because half of the code leaves too many
  size_t plain = 0;     // of `rescored`: without a bound, because the whole code leaves too many

  void add(const CertifiedCounts& other) noexcept {
    scanned += other.scanned;
    examined += other.examined;
    rescored += other.rescored;
    whole += other.whole;
    plain += other.plain;
  }
};

/**
 * The best rows of a matrix with codes, as one thread of a request finds them: the same rows, with the same bits of their scores,
 * as a scan of all rows in float32. Rows that the codes cannot exclude are scored by the scan's own kernels.
 */
class CertifiedScan {
 public:
  /** False, and unusable, when there is no memory. */
  bool reset(size_t k) noexcept;

  struct Request {
    const KernelTable& kernels;
    Metric metric;
    const MatrixView& matrix;
    const RowCodes& codes;
    const PreparedQuery& query;
    const CodeQuery& code;
    const uint32_t* mask;  // null: all rows are considered
  };
  /** The rows that a batch of queries considers together, by their whole codes. */
  struct Block {
    size_t start;
    size_t count;  // at most RowCodes::kBlock
    RowCodes::WholeFits fits;
  };
  /** Considers the rows [start, end), of which some may wait for settle(). */
  void scan(const Request& request, size_t start, size_t end, ReachedScore& reached, TopKSelector& best) noexcept;
  /** The same for a block, with the query's sums of its rows. */
  void scan_block(const Request& request, const Block& block, const WholeCodeTerms& terms, const int32_t* sums,
                  ReachedScore& reached, TopKSelector& best) noexcept;
  /** Scores what has waited, as far as it may be among the best. */
  void settle(const Request& request, ReachedScore& reached, TopKSelector& best) noexcept;

  /** Rows that wait for settle(). */
  size_t waiting() const noexcept { return waiting_count_ + last_count_; }
  const CertifiedCounts& counts() const noexcept { return counts_; }

 private:
  struct Work;
  enum class Way : uint8_t { halves, whole, plain };
  struct Waiting {
    uint32_t row;
    int32_t sum;  // of the upper halves
    float bound;
  };

  AlignedMemory memory_;
  /** The k best numbers so far, with the worst of them first. */
  struct Best {
    float* merits = nullptr;
    size_t count = 0;
  };
  Best scores_;
  Best floors_;  // scores that rows have at least
  Waiting* waiting_ = nullptr;  // for the lower halves
  size_t waiting_count_ = 0;
  Waiting* last_ = nullptr;  // for float32
  size_t last_count_ = 0;
  size_t k_ = 0;
  size_t recent_rows_ = 0;
  size_t recent_left_by_half_ = 0;
  size_t recent_left_by_whole_ = 0;
  size_t plain_windows_ = 0;
  size_t plain_left_ = 0;
  Way way_ = Way::halves;
  CertifiedCounts counts_;
};

}  // namespace gearshift
