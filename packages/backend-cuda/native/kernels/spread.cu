// A hop of spreading activation over a graph in compressed-row form: y = retention * x + decay * (A * x), values below the
// threshold become 0.
//
// Cost: 8 bytes of the graph for each edge, and a gather of 4 bytes from x, which the L2 cache holds up to some millions of
// nodes. Rows are summed by a group of lanes in a fixed order, without atomics: the same graph gives the same bits. A hub with
// very many edges would keep one warp busy long after the others are done, so it gets a block of its own.
//
// Sums are double precision, as in the specification: products of two float32 are exact there, and no sum overflows that the
// result holds. An edge takes two conversions and a multiply-add: even where a GPU does 1/64 as many of these as in float32,
// they keep up with the 8 bytes of the edge that come from memory.
#include "kernels/kernel.cuh"

namespace gearshift::cuda {

/** The product is exact, so that the bits do not depend on whether a device fuses. */
__device__ inline double add_product(float a, float b, double sum) {
  return fma(static_cast<double>(a), static_cast<double>(b), sum);
}

__device__ inline float activation_of(float own, double received, float decay, float retention, float threshold) {
  const float activation = static_cast<float>(add_product(retention, own, decay * received));
  return fabsf(activation) < threshold ? 0.0f : activation;
}

/** Rows [first, end), by kLanes adjacent lanes each; rows of more than kLongRowEdges edges are left alone. */
template <uint32_t kLanes>
__device__ inline void spread_rows(const uint32_t* row_pointers, const uint32_t* columns, const float* weights, const float* x,
                                   uint32_t first, uint32_t end, float decay, float retention, float threshold, float* y) {
  const uint64_t group = (static_cast<uint64_t>(blockIdx.x) * kSpreadThreads + threadIdx.x) / kLanes;
  const uint64_t row = first + group;
  const bool is_row = row < end;
  const uint32_t begin = is_row ? row_pointers[row] : 0;
  // 64 bits: near the largest number of edges the next one of a lane has no 32-bit number.
  const uint64_t stop = is_row ? row_pointers[row + 1] : 0;
  const bool is_mine = is_row && stop - begin <= kLongRowEdges;
  double sum = 0;
  if (is_mine) {
    for (uint64_t edge = uint64_t{begin} + threadIdx.x % kLanes; edge < stop; edge += kLanes) {
      sum = add_product(weights[edge], x[columns[edge]], sum);
    }
  }
  // Every lane of the warp takes part, whether it has a row or not.
#pragma unroll
  for (uint32_t offset = kLanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(kAllLanes, sum, offset);
  if (is_mine && threadIdx.x % kLanes == 0) y[row - first] = activation_of(x[row], sum, decay, retention, threshold);
}

}  // namespace gearshift::cuda

using namespace gearshift::cuda;

/** y[row - first] for rows [first, end) that are not long. */
GEARSHIFT_KERNEL(kSpreadThreads, spread_short_rows_f32, const uint32_t* row_pointers, const uint32_t* columns,
                 const float* weights, const float* x, uint32_t first, uint32_t end, float decay, float retention,
                 float threshold, float* y) {
  spread_rows<kShortRowLanes>(row_pointers, columns, weights, x, first, end, decay, retention, threshold, y);
}

GEARSHIFT_KERNEL(kSpreadThreads, spread_rows_f32, const uint32_t* row_pointers, const uint32_t* columns, const float* weights,
                 const float* x, uint32_t first, uint32_t end, float decay, float retention, float threshold, float* y) {
  spread_rows<kWarp>(row_pointers, columns, weights, x, first, end, decay, retention, threshold, y);
}

/** The same for long_rows[blockIdx.x], where it is in [first, end): by a whole block. */
GEARSHIFT_KERNEL(kSpreadThreads, spread_long_rows_f32, const uint32_t* long_rows, const uint32_t* row_pointers,
                 const uint32_t* columns, const float* weights, const float* x, uint32_t first, uint32_t end, float decay,
                 float retention, float threshold, float* y) {
  constexpr uint32_t kWarps = kSpreadThreads / kWarp;
  __shared__ double sums[kWarps];
  const uint32_t row = long_rows[blockIdx.x];
  if (row < first || row >= end) return;  // the whole block
  double sum = 0;
  const uint64_t stop = row_pointers[row + 1];
  for (uint64_t edge = uint64_t{row_pointers[row]} + threadIdx.x; edge < stop; edge += kSpreadThreads) {
    sum = add_product(weights[edge], x[columns[edge]], sum);
  }
  sum = warp_sum(sum);
  if (lane_number() == 0) sums[threadIdx.x / kWarp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    double total = 0;
    for (uint32_t warp = 0; warp < kWarps; ++warp) total += sums[warp];
    y[row - first] = activation_of(x[row], total, decay, retention, threshold);
  }
}
