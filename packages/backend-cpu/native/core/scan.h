#pragma once

#include <cstddef>
#include <cstdint>

#include "core/matrix.h"
#include "core/metric.h"
#include "core/query.h"
#include "core/top_k.h"
#include "dispatch/kernel_table.h"

namespace gearshift {

// Scores of one query against rows of a matrix. A row's score has the same bits whichever function, range or thread works
// it out, with stored norms or without. Callers hold a FlushSubnormals.

/** Queries that go over the rows together, at most. */
inline constexpr size_t kMostQueriesTogether = 32;

/**
 * out[q * out_stride + row - start] for the rows [start, end), for at most kMostQueriesTogether queries: the rows are read once for
 * all of them.
 */
void score_rows(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery* queries,
                size_t query_count, size_t start, size_t end, float* out, size_t out_stride) noexcept;

/** out[row - start] for the rows [start, end). */
void score_rows(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                size_t start, size_t end, float* out) noexcept;

/** out[i] for the row rows[i]. */
void score_candidates(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                      const uint32_t* rows, size_t count, float* out) noexcept;

/** Has the system begin to read rows that are pages of a file, so that they are read at the same time and without what lies between. */
void read_ahead(const MatrixView& matrix, const uint32_t* rows, size_t count) noexcept;

/** out[row - start] for the rows [start, end) that are in a mask (row_mask.h), NaN for the others. */
void score_considered(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                      const uint32_t* mask, size_t start, size_t end, float* out) noexcept;

/** Offers the scores of the rows [start, end) by each query to its selector, for at most kMostQueriesTogether queries. */
void top_k_rows(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery* queries,
                size_t query_count, size_t start, size_t end, TopKSelector* best) noexcept;

/** Offers the scores of the rows [start, end), in ascending order, without ever writing them to memory. */
void top_k_rows(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                size_t start, size_t end, TopKSelector& best) noexcept;

/** Offers the scores of the given rows. */
void top_k_candidates(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                      const uint32_t* rows, size_t count, TopKSelector& best) noexcept;

/** Offers the scores of the rows [start, end) that are in a mask. */
void top_k_considered(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                      const uint32_t* mask, size_t start, size_t end, TopKSelector& best) noexcept;

}  // namespace gearshift
