// The best that each row's float32 score can be, from fewer bits: rows whose bound does not reach the k-th best need no float32.
//
// With x ~ x' and y ~ y', |x.y - x'.y'| <= |x| |y - y'| + |x - x'| |y'| (Cauchy and Schwarz), all of which is known from
// kernels/narrow.cu, or from the format. To this comes what the sums round away, here and in the float32 scan.
//
// Many queries are a matrix product: a block of 4 warps multiplies 128 rows by 16 or 64 queries on the tensor cores. Each step
// takes 16 words of every vector into shared memory, which is double-buffered through registers: while one step is
// multiplied, the next is read. Cost: rows are read once for every 64 queries, 2 bytes an element from a float16 copy, 4 from
// float32. Few queries are bound by memory: an int8 copy is read once for up to 8, 1 byte an element.
#include "kernels/warp_mma.cuh"

namespace gearshift::cuda {

/**
 * How far the sums of a product may be off, against |x| |y|: here, where tensor cores cut off instead of rounding (Fasi et al.,
 * "Numerical behavior of NVIDIA tensor cores", 2021), and in the float32 scan, together.
 */
__device__ inline float rounding_of(uint32_t dimensions) { return static_cast<float>(dimensions + 16) * 2.384185791015625e-7f; }

/** The rounding of an element to tf32, against the whole vector: with both vectors trusted to be far from the subnormals. */
constexpr float kTf32Error = 4.8828125e-4f;  // 2^-11
/** Norms below 2^-63 count as zero vectors; this is an upper limit of what is left of them. */
constexpr float kZeroNorm = 2.168404344971009e-19f;  // 2^-62

/** One vector of a product. */
struct Side {
  float factor;
  float error;
  float inverse_norm;
};

__device__ inline Side side_at(const float* factors, const float* errors, const float* inverse_norms, uint64_t i) {
  return factors == nullptr ? Side{1.0f, kTf32Error, inverse_norms[i]} : Side{factors[i], errors[i], inverse_norms[i]};
}

/**
 * The best that the float32 score can be: for the euclidean distance, the least square of it. `product` is that of the narrow
 * vectors. Where nothing can be said, the best of all.
 */
__device__ inline float bound_of(uint32_t metric, float product, Side row, Side query, float rounding) {
  const float dot = product * (row.factor * query.factor);
  const float slack = (row.error + query.error + row.error * query.error + rounding) * 1.01f;
  const bool is_zero = row.inverse_norm == 0.0f;
  if (metric == kEuclidean) {
    const float query_norm = 1.0f / query.inverse_norm;
    const float row_norm = is_zero ? 0.0f : 1.0f / row.inverse_norm;
    const float squares = query_norm * query_norm + row_norm * row_norm;
    const float least = squares - 2.0f * dot - 2.0f * slack * (query_norm * row_norm) - 2.0f * rounding * squares;
    return least > 0.0f ? least : 0.0f;  // 0 for NaN
  }
  float bound;
  if (metric == kCosine) {
    bound = dot * (row.inverse_norm * query.inverse_norm) + slack;
  } else {
    bound = is_zero ? kZeroNorm / query.inverse_norm : dot + slack / (row.inverse_norm * query.inverse_norm);
  }
  return bound == bound ? bound : __uint_as_float(0x7f800000u);
}

constexpr uint32_t kPitchWords = kBoundStepWords + 4;  // so that the lanes of a warp read 32 different banks

template <typename Words, uint32_t kRowWarps, uint32_t kRowFragments, uint32_t kQueryFragments>
struct BoundTile {
  static constexpr uint32_t kQueryWarps = kScanWarps / kRowWarps;
  static constexpr uint32_t kRows = kRowWarps * kRowFragments * 16;
  static constexpr uint32_t kQueries = kQueryWarps * kQueryFragments * 8;
  static constexpr uint32_t kVectors = kRows + kQueries;
  static constexpr uint32_t kSharedWords = 2 * kVectors * kPitchWords;
  /** Groups of four words that a thread brings for each step. */
  static constexpr uint32_t kGroups = kVectors * kBoundStepWords / 4;
  static constexpr uint32_t kLoads = (kGroups + kScanThreads - 1) / kScanThreads;
  static_assert(kRows == kBoundRows);

  const uint32_t* rows;
  const uint32_t* queries;
  uint32_t words;  // of a vector
  uint32_t query_count;
  uint64_t first_row;
  uint64_t begin;  // of this block, among the rows to bound
  uint64_t count;
  uint32_t* shared;

  __device__ void fetch(uint32_t step, uint4 (&staged)[kLoads]) const {
#pragma unroll
    for (uint32_t load = 0; load < kLoads; ++load) {
      const uint32_t group = load * kScanThreads + threadIdx.x;
      const uint32_t vector = group / (kBoundStepWords / 4);
      const uint32_t word = step * kBoundStepWords + group % (kBoundStepWords / 4) * 4;
      staged[load] = uint4{0, 0, 0, 0};
      if (group >= kGroups || word >= words) continue;
      const uint32_t* source;
      if (vector < kRows) {
        // Beyond the end the last row is taken again, and not written.
        const uint64_t i = begin + vector < count ? begin + vector : count - 1;
        source = rows + (first_row + i) * words;
      } else {
        const uint32_t query = vector - kRows;
        source = queries + static_cast<uint64_t>(query < query_count ? query : 0) * words;
      }
      staged[load] = *reinterpret_cast<const uint4*>(source + word);
    }
  }

  __device__ void put(uint32_t step, const uint4 (&staged)[kLoads]) const {
    uint32_t* const half = shared + step % 2 * kVectors * kPitchWords;
#pragma unroll
    for (uint32_t load = 0; load < kLoads; ++load) {
      const uint32_t group = load * kScanThreads + threadIdx.x;
      if (group >= kGroups) continue;
      uint32_t* const target = half + group / (kBoundStepWords / 4) * kPitchWords + group % (kBoundStepWords / 4) * 4;
      target[0] = Words::staged(staged[load].x);
      target[1] = Words::staged(staged[load].y);
      target[2] = Words::staged(staged[load].z);
      target[3] = Words::staged(staged[load].w);
    }
  }

  __device__ void multiply(uint32_t step, uint32_t row, uint32_t query,
                           float (&sums)[kRowFragments][kQueryFragments][4]) const {
    const uint32_t* const half = shared + step % 2 * kVectors * kPitchWords;
    const uint32_t g = lane_number() / 4;
    const uint32_t t = lane_number() % 4;
#pragma unroll
    for (uint32_t depth = 0; depth < kBoundStepWords; depth += 8) {
      uint32_t a[kRowFragments][4];
      uint32_t b[kQueryFragments][2];
#pragma unroll
      for (uint32_t i = 0; i < kRowFragments; ++i) {
        const uint32_t* const upper = half + (row + i * 16 + g) * kPitchWords + depth + t;
        const uint32_t* const lower = upper + 8 * kPitchWords;
        a[i][0] = upper[0];
        a[i][1] = lower[0];
        a[i][2] = upper[4];
        a[i][3] = lower[4];
      }
#pragma unroll
      for (uint32_t j = 0; j < kQueryFragments; ++j) {
        const uint32_t* const column = half + (kRows + query + j * 8 + g) * kPitchWords + depth + t;
        b[j][0] = column[0];
        b[j][1] = column[4];
      }
#pragma unroll
      for (uint32_t i = 0; i < kRowFragments; ++i) {
#pragma unroll
        for (uint32_t j = 0; j < kQueryFragments; ++j) Words::multiply_add(sums[i][j], a[i], b[j]);
      }
    }
  }

  __device__ void run(uint32_t dimensions, uint32_t metric, const float* row_factors, const float* row_errors,
                      const float* row_inverse_norms, const float* query_factors, const float* query_errors,
                      const float* query_inverse_norms, float* bounds) const {
    const uint32_t warp = threadIdx.x / kWarp;
    const uint32_t row = warp % kRowWarps * kRowFragments * 16;
    const uint32_t query = warp / kRowWarps * kQueryFragments * 8;
    float sums[kRowFragments][kQueryFragments][4];
#pragma unroll
    for (uint32_t i = 0; i < kRowFragments; ++i) {
#pragma unroll
      for (uint32_t j = 0; j < kQueryFragments; ++j) {
#pragma unroll
        for (uint32_t e = 0; e < 4; ++e) sums[i][j][e] = 0.0f;
      }
    }

    const uint32_t steps = (words + kBoundStepWords - 1) / kBoundStepWords;
    uint4 staged[kLoads];
    fetch(0, staged);
    put(0, staged);
    __syncthreads();
    for (uint32_t step = 0; step < steps; ++step) {
      const bool has_next = step + 1 < steps;
      if (has_next) fetch(step + 1, staged);
      multiply(step, row, query, sums);
      // Into the half that everybody was done with at the last barrier.
      if (has_next) put(step + 1, staged);
      __syncthreads();
    }

    const float rounding = rounding_of(dimensions);
    const uint32_t g = lane_number() / 4;
    const uint32_t t = lane_number() % 4;
#pragma unroll
    for (uint32_t i = 0; i < kRowFragments; ++i) {
#pragma unroll
      for (uint32_t below = 0; below < 2; ++below) {
        const uint64_t own_row = begin + row + i * 16 + below * 8 + g;
        if (own_row >= count) continue;
        const Side row_side = side_at(row_factors, row_errors, row_inverse_norms, first_row + own_row);
#pragma unroll
        for (uint32_t j = 0; j < kQueryFragments; ++j) {
#pragma unroll
          for (uint32_t right = 0; right < 2; ++right) {
            const uint32_t own_query = query + j * 8 + 2 * t + right;
            if (own_query >= query_count) continue;
            const Side query_side = side_at(query_factors, query_errors, query_inverse_norms, own_query);
            bounds[own_query * count + own_row] =
                bound_of(metric, sums[i][j][below * 2 + right], row_side, query_side, rounding);
          }
        }
      }
    }
  }
};

/** Rows of an int8 copy that a group of lanes works on together. */
constexpr uint32_t kInt8Rows = 4;
constexpr uint32_t kInt8Groups = kWarp / kInt8Lanes;
static_assert(kBoundRowsInt8 == kScanWarps * kInt8Groups * kInt8Rows);

template <uint32_t kQueries>
__device__ inline void bound_few(const int8_t* rows, uint32_t stride, const float* row_factors, const float* row_errors,
                                 const float* row_inverse_norms, const int8_t* queries, const float* query_factors,
                                 const float* query_errors, const float* query_inverse_norms, uint32_t query_count,
                                 uint32_t dimensions, uint32_t metric, uint64_t first_row, uint64_t count, float* bounds) {
  const uint32_t group = threadIdx.x / kInt8Lanes;
  const uint32_t lane = threadIdx.x % kInt8Lanes;
  const uint64_t first = (static_cast<uint64_t>(blockIdx.x) * kScanWarps * kInt8Groups + group) * kInt8Rows;
  const int8_t* row[kInt8Rows];
#pragma unroll
  for (uint32_t r = 0; r < kInt8Rows; ++r) {
    const uint64_t i = first + r < count ? first + r : count - 1;
    row[r] = rows + (first_row + i) * stride;
  }
  int32_t sums[kQueries][kInt8Rows][2];
#pragma unroll
  for (uint32_t q = 0; q < kQueries; ++q) {
#pragma unroll
    for (uint32_t r = 0; r < kInt8Rows; ++r) sums[q][r][0] = sums[q][r][1] = 0;
  }
  for (uint32_t i = lane * 16; i < stride; i += kInt8Lanes * 16) {
    int4 elements[kInt8Rows];
#pragma unroll
    for (uint32_t r = 0; r < kInt8Rows; ++r) elements[r] = __ldcs(reinterpret_cast<const int4*>(row[r] + i));
#pragma unroll
    for (uint32_t q = 0; q < kQueries; ++q) {
      const int8_t* query = queries + static_cast<uint64_t>(q < query_count ? q : 0) * 2 * stride;
#pragma unroll
      for (uint32_t level = 0; level < 2; ++level) {
        const int4 own = *reinterpret_cast<const int4*>(query + level * stride + i);
#pragma unroll
        for (uint32_t r = 0; r < kInt8Rows; ++r) {
          int32_t sum = sums[q][r][level];
          sum = __dp4a(elements[r].x, own.x, sum);
          sum = __dp4a(elements[r].y, own.y, sum);
          sum = __dp4a(elements[r].z, own.z, sum);
          sums[q][r][level] = __dp4a(elements[r].w, own.w, sum);
        }
      }
    }
  }
  const float rounding = rounding_of(dimensions);
#pragma unroll
  for (uint32_t q = 0; q < kQueries; ++q) {
#pragma unroll
    for (uint32_t r = 0; r < kInt8Rows; ++r) {
      float sum = fmaf(static_cast<float>(sums[q][r][1]), 1.0f / 254.0f, static_cast<float>(sums[q][r][0]));
#pragma unroll
      for (uint32_t offset = kInt8Lanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(kAllLanes, sum, offset);
      const uint64_t own_row = first + r;
      if (lane != r || q >= query_count || own_row >= count) continue;
      const Side row_side = side_at(row_factors, row_errors, row_inverse_norms, first_row + own_row);
      const Side query_side = side_at(query_factors, query_errors, query_inverse_norms, q);
      bounds[q * count + own_row] = bound_of(metric, sum, row_side, query_side, rounding);
    }
  }
}

}  // namespace gearshift::cuda

using namespace gearshift::cuda;

/*
 * bounds[query * count + i] of rows first_row + i. rows and queries: `stride` words each (float16: two elements in a word; tf32:
 * float32 rows, factors and errors null). Queries: at most kBoundQueriesNarrow or kBoundQueriesWide.
 */
#define GEARSHIFT_BOUND_KERNEL(name, Words, row_warps, row_fragments, query_fragments)                                      \
  GEARSHIFT_KERNEL(kScanThreads, name, const uint32_t* rows, uint32_t stride, const float* row_factors,                     \
                   const float* row_errors, const float* row_inverse_norms, const uint32_t* queries,                        \
                   const float* query_factors, const float* query_errors, const float* query_inverse_norms,                 \
                   uint32_t query_count, uint32_t dimensions, uint32_t metric, uint64_t first_row, uint64_t count,          \
                   float* bounds) {                                                                                         \
    using Tile = BoundTile<Words, row_warps, row_fragments, query_fragments>;                                               \
    __shared__ uint32_t shared[Tile::kSharedWords];                                                                         \
    const Tile tile{rows,      queries, stride, query_count, first_row, static_cast<uint64_t>(blockIdx.x) * kBoundRows,     \
                    count, shared};                                                                                         \
    tile.run(dimensions, metric, row_factors, row_errors, row_inverse_norms, query_factors, query_errors,                   \
             query_inverse_norms, bounds);                                                                                  \
  }

GEARSHIFT_BOUND_KERNEL(bound_16_queries_f16, Float16Words, 4, 2, 2)
GEARSHIFT_BOUND_KERNEL(bound_64_queries_f16, Float16Words, 2, 4, 4)
GEARSHIFT_BOUND_KERNEL(bound_16_queries_tf32, Tf32Words, 4, 2, 2)
GEARSHIFT_BOUND_KERNEL(bound_64_queries_tf32, Tf32Words, 2, 4, 4)

/** The same from an int8 copy, `stride` bytes a row; queries in two levels, 2 * stride bytes each, at most 1 or 8. */
GEARSHIFT_KERNEL(kScanThreads, bound_1_query_int8, const int8_t* rows, uint32_t stride, const float* row_factors,
                 const float* row_errors, const float* row_inverse_norms, const int8_t* queries, const float* query_factors,
                 const float* query_errors, const float* query_inverse_norms, uint32_t query_count, uint32_t dimensions,
                 uint32_t metric, uint64_t first_row, uint64_t count, float* bounds) {
  bound_few<1>(rows, stride, row_factors, row_errors, row_inverse_norms, queries, query_factors, query_errors,
               query_inverse_norms, query_count, dimensions, metric, first_row, count, bounds);
}

GEARSHIFT_KERNEL(kScanThreads, bound_8_queries_int8, const int8_t* rows, uint32_t stride, const float* row_factors,
                 const float* row_errors, const float* row_inverse_norms, const int8_t* queries, const float* query_factors,
                 const float* query_errors, const float* query_inverse_norms, uint32_t query_count, uint32_t dimensions,
                 uint32_t metric, uint64_t first_row, uint64_t count, float* bounds) {
  bound_few<kQueryGroup>(rows, stride, row_factors, row_errors, row_inverse_norms, queries, query_factors, query_errors,
                         query_inverse_norms, query_count, dimensions, metric, first_row, count, bounds);
}
