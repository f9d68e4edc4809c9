#include "core/scan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/floating_point_mode.h"
#include "core/inverse_norm.h"
#include "core/reference.h"
#include "core/row_mask.h"
#include "kit/store/pages.h"

namespace gearshift {
namespace {

/** Rows per batch, so that their scores stay in the first-level cache between the scan and their use. */
constexpr size_t kBlockRows = TopKSelector::kBlock;

/** Resident rows are padded with zeros like the query, so kernels may run over the padding and have no tail. */
size_t scanned_dimensions(const MatrixView& matrix) noexcept {
  return matrix.inverse_norms != nullptr ? matrix.stride : matrix.dimensions;
}

/** Larger than any second-level cache of today; the product cannot overflow, because the matrix is there. */
bool is_far(const MatrixView& matrix) noexcept {
  constexpr size_t kNearBytes = 2u << 20;
  return matrix.row_count * matrix.stride_bytes() > kNearBytes;
}

bool needs_repair(Metric metric, float score) noexcept {
  return metric == Metric::cosine ? score != score : !std::isfinite(score);
}

/** Scores of at most kBlockRows rows, as far as float32 goes; returns whether any of them needs repair. */
bool score_in_f32(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                  size_t start, size_t count, float* out) noexcept {
  const ScanKernels& scans = kernels.scans_of(matrix.format.type);
  const float scale = matrix.format.scale;
  const void* const rows = matrix.row(start);
  const size_t dimensions = scanned_dimensions(matrix);
  if (metric == Metric::euclidean) {
    scans.squared_distance(query.values(), rows, scale, matrix.stride, count, dimensions, out);
    return kernels.finish_euclidean_f32(out, count);
  }
  if (metric == Metric::dot) {
    scans.dot(query.values(), rows, scale, matrix.stride, count, dimensions, out);
    return kernels.any_not_finite_f32(out, count);
  }
  if (matrix.inverse_norms != nullptr) {
    scans.dot(query.values(), rows, scale, matrix.stride, count, dimensions, out);
    return kernels.finish_cosine_f32(out, matrix.inverse_norms + start, query.inverse_norm(), count);
  }
  float norms[kBlockRows];
  scans.dot_and_squared_norm(query.values(), rows, scale, matrix.stride, count, dimensions, is_far(matrix), out, norms);
  for (size_t i = 0; i < count; ++i) norms[i] = inverse_norm(norms[i]);
  return kernels.finish_cosine_f32(out, norms, query.inverse_norm(), count);
}

/** Works out again, in double precision, what float32 could not hold. */
void repair(Metric metric, const MatrixView& matrix, const PreparedQuery& query, size_t start, size_t count,
            float* out) noexcept {
  const KeepSubnormals keep;
  for (size_t i = 0; i < count; ++i) {
    if (needs_repair(metric, out[i]))
      out[i] = reference_score(metric, query.values(), matrix.row(start + i), matrix.format, matrix.dimensions);
  }
}

/** Scores of rows that do not change meanwhile, or are settled after. */
void score_fixed(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                 size_t start, size_t count, float* out) noexcept {
  if (score_in_f32(kernels, metric, matrix, query, start, count, out)) repair(metric, matrix, query, start, count, out);
}

/** The same for several queries, out[q * out_stride + i] and needs_repair[q]. */
void score_together_in_f32(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery* queries,
                           size_t query_count, size_t start, size_t count, float* out, size_t out_stride,
                           bool* needs_repair) noexcept {
  const ScanKernels& scans = kernels.scans_of(matrix.format.type);
  const float scale = matrix.format.scale;
  const void* const rows = matrix.row(start);
  const size_t dimensions = scanned_dimensions(matrix);
  const float* values[kMostQueriesTogether] = {};
  for (size_t q = 0; q < query_count; ++q) values[q] = queries[q].values();
  const auto finish = [&](auto finish_one) {
    for (size_t q = 0; q < query_count; ++q) needs_repair[q] = finish_one(out + q * out_stride, queries[q]);
  };
  if (metric == Metric::euclidean) {
    scans.squared_distance_together(values, query_count, rows, scale, matrix.stride, count, dimensions, out, out_stride);
    finish([&](float* scores, const PreparedQuery&) { return kernels.finish_euclidean_f32(scores, count); });
    return;
  }
  scans.dot_together(values, query_count, rows, scale, matrix.stride, count, dimensions, out, out_stride);
  if (metric == Metric::dot) {
    finish([&](const float* scores, const PreparedQuery&) { return kernels.any_not_finite_f32(scores, count); });
    return;
  }
  float worked_out[kBlockRows];
  const float* norms = matrix.inverse_norms + start;
  if (matrix.inverse_norms == nullptr) {
    scans.squared_norm(rows, scale, matrix.stride, count, dimensions, worked_out);
    for (size_t i = 0; i < count; ++i) worked_out[i] = inverse_norm(worked_out[i]);
    norms = worked_out;
  }
  finish([&](float* scores, const PreparedQuery& query) {
    return kernels.finish_cosine_f32(scores, norms, query.inverse_norm(), count);
  });
}

/** The same for at most kBlockRows rows by number. */
bool score_listed_in_f32(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                         const uint32_t* rows, size_t count, float* out) noexcept {
  const ScanKernels& scans = kernels.scans_of(matrix.format.type);
  const float scale = matrix.format.scale;
  const size_t dimensions = scanned_dimensions(matrix);
  if (metric == Metric::euclidean) {
    scans.squared_distance_chosen(query.values(), matrix.rows, scale, matrix.stride, rows, count, dimensions, out);
    return kernels.finish_euclidean_f32(out, count);
  }
  if (metric == Metric::dot) {
    scans.dot_chosen(query.values(), matrix.rows, scale, matrix.stride, rows, count, dimensions, out);
    return kernels.any_not_finite_f32(out, count);
  }
  float norms[kBlockRows];
  if (matrix.inverse_norms != nullptr) {
    scans.dot_chosen(query.values(), matrix.rows, scale, matrix.stride, rows, count, dimensions, out);
    for (size_t i = 0; i < count; ++i) norms[i] = matrix.inverse_norms[rows[i]];
  } else {
    scans.dot_and_squared_norm_chosen(query.values(), matrix.rows, scale, matrix.stride, rows, count, dimensions, out,
                                      norms);
    for (size_t i = 0; i < count; ++i) norms[i] = inverse_norm(norms[i]);
  }
  return kernels.finish_cosine_f32(out, norms, query.inverse_norm(), count);
}

void score_listed_fixed(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                        const uint32_t* rows, size_t count, float* out) noexcept {
  if (!score_listed_in_f32(kernels, metric, matrix, query, rows, count, out)) return;
  const KeepSubnormals keep;
  for (size_t i = 0; i < count; ++i) {
    if (needs_repair(metric, out[i]))
      out[i] = reference_score(metric, query.values(), matrix.row(rows[i]), matrix.format, matrix.dimensions);
  }
}

/** Scores a row again if it was replaced since its version: from what is kept of it, with the bits that it always has. */
void settle_row(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                size_t row, float* out) noexcept {
  const void* const replaced = matrix.version->replaced_row(row);
  if (replaced == nullptr) return;
  const float* const norm = matrix.inverse_norms == nullptr ? nullptr : matrix.inverse_norms + row;
  score_fixed(kernels, metric, {replaced, matrix.format, matrix.stride, 1, matrix.dimensions, norm}, query, 0, 1, out);
}

void score_block(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                 size_t start, size_t count, float* out) noexcept {
  if (matrix.version == nullptr) {
    score_fixed(kernels, metric, matrix, query, start, count, out);
    return;
  }
  {
    const kit::RacingAccess racing;
    score_fixed(kernels, metric, matrix, query, start, count, out);
  }
  if (matrix.version->is_intact()) return;
  for (size_t i = 0; i < count; ++i) settle_row(kernels, metric, matrix, query, start + i, out + i);
}

void score_fixed_together(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery* queries,
                          size_t query_count, size_t start, size_t count, float* out, size_t out_stride) noexcept {
  bool needs[kMostQueriesTogether];
  score_together_in_f32(kernels, metric, matrix, queries, query_count, start, count, out, out_stride, needs);
  for (size_t q = 0; q < query_count; ++q)
    if (needs[q]) repair(metric, matrix, queries[q], start, count, out + q * out_stride);
}

/** The same for several queries, out[q * out_stride + i]. */
void score_block_together(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery* queries,
                          size_t query_count, size_t start, size_t count, float* out, size_t out_stride) noexcept {
  if (query_count == 1) {
    score_block(kernels, metric, matrix, queries[0], start, count, out);
    return;
  }
  if (matrix.version == nullptr) {
    score_fixed_together(kernels, metric, matrix, queries, query_count, start, count, out, out_stride);
    return;
  }
  {
    const kit::RacingAccess racing;
    score_fixed_together(kernels, metric, matrix, queries, query_count, start, count, out, out_stride);
  }
  if (matrix.version->is_intact()) return;
  for (size_t q = 0; q < query_count; ++q)
    for (size_t i = 0; i < count; ++i) settle_row(kernels, metric, matrix, queries[q], start + i, out + q * out_stride + i);
}

/** The same for some rows by number. */
void score_listed_block(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                        const uint32_t* rows, size_t count, float* out) noexcept {
  if (matrix.version == nullptr) {
    score_listed_fixed(kernels, metric, matrix, query, rows, count, out);
    return;
  }
  {
    const kit::RacingAccess racing;
    score_listed_fixed(kernels, metric, matrix, query, rows, count, out);
  }
  if (matrix.version->is_intact()) return;
  for (size_t i = 0; i < count; ++i) settle_row(kernels, metric, matrix, query, rows[i], out + i);
}

}  // namespace

void read_ahead(const MatrixView& matrix, const uint32_t* rows, size_t count) noexcept {
  if (matrix.version == nullptr || !matrix.version->is_mapped()) return;
  for (size_t i = 0; i < count; ++i) kit::read_ahead(matrix.row(rows[i]), matrix.stride_bytes());
}

void score_rows(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery* queries,
                size_t query_count, size_t start, size_t end, float* out, size_t out_stride) noexcept {
  for (size_t row = start; row < end; row += kBlockRows) {
    score_block_together(kernels, metric, matrix, queries, query_count, row, std::min(kBlockRows, end - row),
                         out + (row - start), out_stride);
  }
}

void score_rows(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                size_t start, size_t end, float* out) noexcept {
  for (size_t row = start; row < end; row += kBlockRows)
    score_block(kernels, metric, matrix, query, row, std::min(kBlockRows, end - row), out + (row - start));
}

void score_candidates(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                      const uint32_t* rows, size_t count, float* out) noexcept {
  for (size_t first = 0; first < count; first += kBlockRows)
    score_listed_block(kernels, metric, matrix, query, rows + first, std::min(kBlockRows, count - first), out + first);
}

void score_considered(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                      const uint32_t* mask, size_t start, size_t end, float* out) noexcept {
  std::fill(out, out + (end - start), std::numeric_limits<float>::quiet_NaN());
  for_each_considered<kBlockRows>(
      mask, start, end,
      [&](size_t first, size_t last) noexcept {
        score_rows(kernels, metric, matrix, query, first, last, out + (first - start));
      },
      [&](const uint32_t* rows, size_t count) noexcept {
        float scores[kBlockRows];
        score_listed_block(kernels, metric, matrix, query, rows, count, scores);
        for (size_t i = 0; i < count; ++i) out[rows[i] - start] = scores[i];
      });
}

void top_k_rows(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery* queries,
                size_t query_count, size_t start, size_t end, TopKSelector* best) noexcept {
  float scores[kMostQueriesTogether * kBlockRows];
  for (size_t row = start; row < end; row += kBlockRows) {
    const size_t count = std::min(kBlockRows, end - row);
    score_block_together(kernels, metric, matrix, queries, query_count, row, count, scores, kBlockRows);
    for (size_t q = 0; q < query_count; ++q) best[q].offer(kernels, scores + q * kBlockRows, row, count);
  }
}

void top_k_rows(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                size_t start, size_t end, TopKSelector& best) noexcept {
  float scores[kBlockRows];
  for (size_t row = start; row < end; row += kBlockRows) {
    const size_t count = std::min(kBlockRows, end - row);
    score_block(kernels, metric, matrix, query, row, count, scores);
    best.offer(kernels, scores, row, count);
  }
}

void top_k_candidates(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                      const uint32_t* rows, size_t count, TopKSelector& best) noexcept {
  float scores[kBlockRows];
  for (size_t first = 0; first < count; first += kBlockRows) {
    const size_t block = std::min(kBlockRows, count - first);
    score_candidates(kernels, metric, matrix, query, rows + first, block, scores);
    best.offer_indexed(scores, rows + first, block);
  }
}

void top_k_considered(const KernelTable& kernels, Metric metric, const MatrixView& matrix, const PreparedQuery& query,
                      const uint32_t* mask, size_t start, size_t end, TopKSelector& best) noexcept {
  for_each_considered<kBlockRows>(
      mask, start, end,
      [&](size_t first, size_t last) noexcept { top_k_rows(kernels, metric, matrix, query, first, last, best); },
      [&](const uint32_t* rows, size_t count) noexcept {
        float scores[kBlockRows];
        score_listed_block(kernels, metric, matrix, query, rows, count, scores);
        best.offer_indexed(scores, rows, count);
      });
}

}  // namespace gearshift
