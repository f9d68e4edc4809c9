#pragma once

#include <cstdint>

namespace simt {

/** What a lane brings to a matrix product of its warp; in c it gets its part of the sum. The layout is that of kernels/warp_mma.cuh. */
struct Fragments {
  uint32_t a[4];
  uint32_t b[2];
  float c[4];
};

/** C += A * B for the 32 lanes of a warp: A is 16 x 16 float16 or 16 x 8 tf32, B as deep and 8 wide. */
void multiply(bool is_tf32, Fragments* const (&lanes)[32]);

}  // namespace simt
