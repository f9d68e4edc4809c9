#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "binding/query_group.h"
#include "core/certified_top_k.h"
#include "core/matrix.h"
#include "core/query_codes.h"
#include "core/top_k.h"
#include "dispatch/kernel_table.h"
#include "pool/run_in_chunks.h"
#include "pool/throughput.h"

namespace gearshift::binding {

/** What both scans work on. */
struct Scan {
  const KernelTable* kernels;
  Throughput* throughput;
  Metric metric;
  MatrixView matrix;
};

/** The cost of one row (or candidate) to the estimates; with a mask, on average over the rows [from, end). */
ItemCost scan_cost(const MatrixView& matrix, size_t query_count, const uint32_t* mask = nullptr, size_t from = 0,
                   size_t end = 0) noexcept;

/**
 * Scores of rows [from, end), query `q` writing to `output[q * output_stride + row - from]`.
 *
 * @param mask of the rows to score, others are NaN; null: all
 * @return the first row that was not reached
 */
size_t score_rows_of_queries(const Execution& execution, const Scan& scan, const QueryGroup& queries,
                             const uint32_t* mask, size_t from, size_t end, float* output,
                             size_t output_stride) noexcept;

/** Whether so many rows are searched in less time with codes than in a scan. */
bool pays_to_code(size_t rows, size_t row_bytes, size_t dimensions) noexcept;

/** What a ranking reads first. */
enum class RankingForm {
  rows,
  codes,           // the upper halves of the codes, for one query after the other
  codes_together,  // whole codes, for many queries at once
};

/** @param range the rows to rank, of which `considered` are in the mask */
RankingForm ranking_form(const MatrixView& matrix, size_t range, size_t considered, size_t k,
                         size_t query_count) noexcept;

/** Where a top-k reads its rows: a range, or some rows by number. */
struct RowsToRank {
  size_t from;
  size_t end;
  const uint32_t* candidates;  // null: the rows [from, end) themselves, else candidates[from..end)
  const uint32_t* mask;        // of the rows to rank; null: all. Not with candidates
};

struct RankedOutput {
  uint32_t* indices;
  float* scores;
  size_t stride;  // entries of a query
};

/** Selectors of a top-k call, kept for the next one: making them takes longer than a scan of few rows. */
class TopKWorkspace {
 public:
  /** One selector for each query and thread. False: out of memory. */
  bool prepare(size_t seats, size_t queries) noexcept;
  /** Frees what is too large to keep. */
  void trim(size_t k) noexcept;

  std::unique_ptr<TopKSelector[]> selectors;
  std::unique_ptr<bool[]> used;  // by seat
  // For rows with codes.
  std::unique_ptr<CertifiedScan[]> scans;
  CodeQuery* code_queries() noexcept { return code_queries_.as<CodeQuery>(); }
  QueryCodes batch;  // of all queries together
  /** Of a thread: the sums of a block for all queries, which are too many for the stack of some. */
  int32_t* sums(size_t seat, size_t queries) noexcept { return sums_.as<int32_t>() + seat * queries * RowCodes::kBlock; }

  /** The same for rows with codes, besides. */
  bool prepare_codes(size_t seats, size_t queries) noexcept;

  /** How codes were used since the caller last cleared it: all counts are 0 for a scan in float32. */
  struct Searched {
    CertifiedCounts counts;
    bool lacks_codes = false;  // the matrix has none, but would be searched with them
  };
  Searched searched;

 private:
  size_t selector_count_ = 0;
  size_t scan_count_ = 0;
  AlignedMemory sums_;
  AlignedMemory code_queries_;  // operator new for their alignment is not in old systems
  size_t seat_count_ = 0;
};

/** How many queries are ranked together, at most: more of them from codes than in a scan. */
size_t most_ranked_together(const MatrixView& matrix, const RowsToRank& rows, size_t k) noexcept;

/** Whether a call is for all queries that it is given, or may keep the first ones that are ranked in one way. */
enum class QueriesToRank { all, first };

/**
 * The best `k` of the rows for each query, best first.
 *
 * @param queries at most most_ranked_together(); those that were ranked are left
 * @return the first position that was not reached, or -1: out of memory
 */
int64_t top_k_of_queries(const Execution& execution, const Scan& scan, QueryGroup& queries, QueriesToRank which,
                         const RowsToRank& rows, size_t k, const RankedOutput& output,
                         TopKWorkspace& workspace) noexcept;

}  // namespace gearshift::binding
