// Scores of rows for queries, and the inverse norms they need.
//
// Cost: a scan reads rows x dimensions x 4 bytes once for up to 8 queries and does that many multiply-adds for each; it is
// bound by memory for 1 query. A warp works on 4 rows, each lane on every 32nd group of 4 elements: 4 independent reads of 16
// bytes in flight for each lane, and adjacent lanes read adjacent memory. Queries come from the L1 cache. Nothing is shared
// between warps, so there is no barrier. Scores that float32 cannot tell are worked out again on the spot, by the same warp.
// Rows that a row set leaves out are not read.
#include "kernels/row_score.cuh"

namespace gearshift::cuda {

/** Says which row of the matrix is the i-th to score. */
struct ChosenRows {
  const uint32_t* positions;  // null: consecutive rows
  uint64_t first_row;
  RowBits considered;
  __device__ uint64_t at(uint64_t i) const { return positions == nullptr ? first_row + i : positions[i]; }
  __device__ bool has(uint64_t i) const { return considered.has(i); }
};
/** Rows that a selection named; the matrix begins with row `first_number`. */
struct SelectedRows {
  const uint64_t* keys;
  uint32_t first_number;
  __device__ uint64_t at(uint64_t i) const { return static_cast<uint32_t>(~keys[i]) - first_number; }
  __device__ bool has(uint64_t) const { return true; }
};

template <bool kIsDistance>
__device__ inline float add_term(float query, float row, float sum) {
  if constexpr (kIsDistance) {
    const float difference = query - row;
    return fmaf(difference, difference, sum);
  } else {
    return fmaf(query, row, sum);
  }
}

template <uint32_t kQueries, bool kIsDistance, typename Rows>
__device__ inline void score_rows(const float* rows, uint32_t stride, const float* inverse_norms, const float* queries,
                                  const float* query_inverse_norms, uint32_t query_count, uint32_t dimensions,
                                  uint32_t metric, const Rows& named, uint64_t count, float* scores) {
  constexpr uint32_t kScores = kRowsPerWarp * kQueries;
  const uint32_t lane = lane_number();
  const uint64_t first = (static_cast<uint64_t>(blockIdx.x) * kScanWarps + threadIdx.x / kWarp) * kRowsPerWarp;
  if (first >= count) return;  // the whole warp

  uint32_t considered = 0;  // a bit for each of the warp's rows
#pragma unroll
  for (uint32_t r = 0; r < kRowsPerWarp; ++r) {
    if (first + r < count && named.has(first + r)) considered |= 1u << r;
  }
  if (considered == 0) {
    const uint64_t i = first + lane / kQueries;
    if (lane < kScores && i < count && lane % kQueries < query_count) scores[lane % kQueries * count + i] = quiet_nan();
    return;  // the whole warp
  }
  const uint32_t some = __ffs(considered) - 1;
  const float* row[kRowsPerWarp];
#pragma unroll
  for (uint32_t r = 0; r < kRowsPerWarp; ++r) {
    // Beyond the end and for rows that are left out, another row is scored again, and not used.
    row[r] = rows + named.at(first + ((considered >> r & 1) != 0 ? r : some)) * stride;
  }
  float sums[kScores];
#pragma unroll
  for (uint32_t i = 0; i < kScores; ++i) sums[i] = 0.0f;

  for (uint32_t i = lane * kRowAlignmentFloats; i < stride; i += kWarp * kRowAlignmentFloats) {
    float4 values[kRowsPerWarp];
#pragma unroll
    for (uint32_t r = 0; r < kRowsPerWarp; ++r) values[r] = __ldcs(reinterpret_cast<const float4*>(row[r] + i));
#pragma unroll
    for (uint32_t q = 0; q < kQueries; ++q) {
      // Beyond the last query the first is scored again.
      const float* query = queries + static_cast<uint64_t>(q < query_count ? q : 0) * stride;
      const float4 elements = *reinterpret_cast<const float4*>(query + i);
#pragma unroll
      for (uint32_t r = 0; r < kRowsPerWarp; ++r) {
        float sum = sums[r * kQueries + q];
        sum = add_term<kIsDistance>(elements.x, values[r].x, sum);
        sum = add_term<kIsDistance>(elements.y, values[r].y, sum);
        sum = add_term<kIsDistance>(elements.z, values[r].z, sum);
        sums[r * kQueries + q] = add_term<kIsDistance>(elements.w, values[r].w, sum);
      }
    }
  }

  const float sum = warp_sums<kScores>(sums);
  constexpr uint32_t kLanesPerScore = kWarp / kScores;
  const uint32_t own = lane / kLanesPerScore;
  const uint32_t own_query = own % kQueries;
  const uint64_t own_i = first + own / kQueries;
  const bool is_mine = lane % kLanesPerScore == 0 && own_i < count && own_query < query_count;
  const bool is_scored = is_mine && (considered >> own / kQueries & 1) != 0;
  float score = quiet_nan();
  if (is_scored) {
    const float row_inverse_norm = metric == kCosine ? inverse_norms[named.at(own_i)] : 0.0f;
    score = finish_score(metric, sum, row_inverse_norm, query_inverse_norms[own_query]);
  }
  uint32_t doubtful = __ballot_sync(kAllLanes, is_scored && is_not_finite(score));
  while (doubtful != 0) {
    const uint32_t whose = __ffs(doubtful) - 1;
    doubtful &= doubtful - 1;
    const uint32_t which = whose / kLanesPerScore;
    const uint64_t i = first + which / kQueries;
    const float* query = queries + static_cast<uint64_t>(which % kQueries) * stride;
    const float exact = reference_score(metric, query, rows + named.at(i) * stride, dimensions);
    if (lane == whose) score = exact;
  }
  if (is_mine) scores[own_query * count + own_i] = score;
}

}  // namespace gearshift::cuda

using namespace gearshift::cuda;

/**
 * inverse_norms[i] of rows [first_row, first_row + count). A warp for each row.
 */
GEARSHIFT_KERNEL(kScanThreads, inverse_norms_f32, const float* rows, uint32_t stride, uint32_t dimensions, uint64_t first_row,
                 uint64_t count, float* inverse_norms) {
  const uint64_t i = static_cast<uint64_t>(blockIdx.x) * kScanWarps + threadIdx.x / kWarp;
  if (i >= count) return;
  const float* row = rows + (first_row + i) * stride;
  float sums[1] = {0.0f};
  for (uint32_t j = lane_number() * kRowAlignmentFloats; j < stride; j += kWarp * kRowAlignmentFloats) {
    const float4 values = *reinterpret_cast<const float4*>(row + j);
    sums[0] = fmaf(values.x, values.x, sums[0]);
    sums[0] = fmaf(values.y, values.y, sums[0]);
    sums[0] = fmaf(values.z, values.z, sums[0]);
    sums[0] = fmaf(values.w, values.w, sums[0]);
  }
  const float squared_norm = warp_sums<1>(sums);
  const float inverse = inverse_norm_of(row, dimensions, squared_norm);
  if (lane_number() == 0) inverse_norms[first_row + i] = inverse;
}

/**
 * scores[query * count + i] of the rows positions[i], or first_row + i where positions is null. NaN where bit first_bit + i of
 * words is 0; words may be null.
 *
 * rows: stride floats each, those beyond dimensions 0; queries: the same, query_count of them, at most 1 or 8.
 */
GEARSHIFT_KERNEL(kScanThreads, scores_1_query_f32, const float* rows, uint32_t stride, const float* inverse_norms,
                 const float* queries, const float* query_inverse_norms, uint32_t query_count, uint32_t dimensions,
                 uint32_t metric, const uint32_t* positions, uint64_t first_row, const uint32_t* words, uint64_t first_bit,
                 uint64_t count, float* scores) {
  const ChosenRows named{positions, first_row, {words, first_bit}};
  if (metric == kEuclidean) {
    score_rows<1, true>(rows, stride, inverse_norms, queries, query_inverse_norms, query_count, dimensions, metric, named, count,
                        scores);
  } else {
    score_rows<1, false>(rows, stride, inverse_norms, queries, query_inverse_norms, query_count, dimensions, metric, named, count,
                         scores);
  }
}

GEARSHIFT_KERNEL(kScanThreads, scores_8_queries_f32, const float* rows, uint32_t stride, const float* inverse_norms,
                 const float* queries, const float* query_inverse_norms, uint32_t query_count, uint32_t dimensions,
                 uint32_t metric, const uint32_t* positions, uint64_t first_row, const uint32_t* words, uint64_t first_bit,
                 uint64_t count, float* scores) {
  const ChosenRows named{positions, first_row, {words, first_bit}};
  if (metric == kEuclidean) {
    score_rows<kQueryGroup, true>(rows, stride, inverse_norms, queries, query_inverse_norms, query_count, dimensions, metric,
                                  named, count, scores);
  } else {
    score_rows<kQueryGroup, false>(rows, stride, inverse_norms, queries, query_inverse_norms, query_count, dimensions, metric,
                                   named, count, scores);
  }
}

/**
 * Scores of rows that a selection named: scores[query * count + i] of the row of keys[query * count + i], where query is
 * blockIdx.y. `first_number`: number of the first row of the matrix.
 */
GEARSHIFT_KERNEL(kScanThreads, score_selected_f32, const float* rows, uint32_t stride, const float* inverse_norms,
                 const float* queries, const float* query_inverse_norms, uint32_t dimensions, uint32_t metric,
                 const uint64_t* keys, uint32_t first_number, uint64_t count, float* scores) {
  const uint64_t offset = blockIdx.y * count;
  const float* query = queries + static_cast<uint64_t>(blockIdx.y) * stride;
  const float* query_inverse_norm = query_inverse_norms + blockIdx.y;
  const SelectedRows named{keys + offset, first_number};
  if (metric == kEuclidean) {
    score_rows<1, true>(rows, stride, inverse_norms, query, query_inverse_norm, 1, dimensions, metric, named, count, scores + offset);
  } else {
    score_rows<1, false>(rows, stride, inverse_norms, query, query_inverse_norm, 1, dimensions, metric, named, count, scores + offset);
  }
}
